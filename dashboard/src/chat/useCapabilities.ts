import { useEffect, useState } from "react";
import { admin } from "../api/client";
import type { GetCapabilitiesResponse } from "../gen/passerelle/v1/admin_pb";

/** Limites et options du serveur, relues quand `version` change ; `undefined` tant qu'il n'a pas répondu. */
export function useCapabilities(version: string): GetCapabilitiesResponse | undefined {
  const [found, setFound] = useState<GetCapabilitiesResponse>();
  // biome-ignore lint/correctness/useExhaustiveDependencies: `version` dit seulement quand relire
  useEffect(() => {
    const stop = new AbortController();
    admin
      .getCapabilities({}, { signal: stop.signal })
      .then(setFound)
      // Le serveur revérifie chaque limite : sans elles, la page laisse seulement partir ce qu'il refusera.
      .catch(() => undefined);
    return () => stop.abort();
  }, [version]);
  return found;
}
