import { useEffect, useState } from "react";
import { admin } from "../api/client";
import { messageOf } from "../api/errors";
import type { GetCapabilitiesResponse } from "../gen/passerelle/v1/admin_pb";
import { useServer } from "../status/StatusProvider";

/** Capacités, limites et adresses du serveur, relues chaque fois qu'il revient. */
export function useCapabilities(): { found: GetCapabilitiesResponse | undefined; failure: string | undefined } {
  const { link, status } = useServer();
  // Un modèle chargé annonce ce que son moteur sait faire.
  const mark = link === "connected" ? status?.models.map(({ key, state }) => `${key}:${state}`).join() : undefined;
  const [found, setFound] = useState<GetCapabilitiesResponse>();
  const [failure, setFailure] = useState<string>();
  useEffect(() => {
    if (mark === undefined) return;
    const stop = new AbortController();
    admin
      .getCapabilities({}, { signal: stop.signal })
      .then((response) => {
        if (stop.signal.aborted) return;
        setFound(response);
        setFailure(undefined);
      })
      .catch((error: unknown) => {
        if (!stop.signal.aborted) setFailure(messageOf(error));
      });
    return () => stop.abort();
  }, [mark]);
  return { found, failure };
}
