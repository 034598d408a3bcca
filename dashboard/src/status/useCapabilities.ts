import { useEffect, useState } from "react";
import { admin } from "../api/admin";
import { messageOf } from "../api/errors";
import type { GetCapabilitiesResponse } from "../gen/passerelle/v1/limits_pb";
import { useServer } from "./StatusProvider";

export interface Capabilities {
  /** Limites et options annoncées ; `undefined` avant la réponse. */
  known: GetCapabilitiesResponse | undefined;
  failure: string | undefined;
}

/** Ce que le serveur sait faire, redemandé quand la connexion revient ou qu'un modèle change d'état. */
export function useCapabilities(): Capabilities {
  const { status, link } = useServer();
  const [found, setFound] = useState<Capabilities>({ known: undefined, failure: undefined });
  const states = status?.models.map(({ key, state }) => `${key} ${state}`).join() ?? "";
  // biome-ignore lint/correctness/useExhaustiveDependencies: un modèle chargé peut annoncer d'autres options que son profil.
  useEffect(() => {
    if (link !== "connected") return;
    const stop = new AbortController();
    admin
      .getCapabilities({}, { signal: stop.signal })
      .then((known) => {
        if (!stop.signal.aborted) setFound({ known, failure: undefined });
      })
      .catch((error) => {
        if (!stop.signal.aborted) setFound(({ known }) => ({ known, failure: messageOf(error) }));
      });
    return () => stop.abort();
  }, [link, states]);
  return found;
}
