import { useEffect, useState } from "react";

export interface PageConfig {
  profile: string;
  notice: string;
  version: string;
  api_key_required: boolean;
}

/** Ce que le serveur de la page sait sans le plan de contrôle ; `undefined` tant qu'il n'a pas répondu. */
export function useConfig(): PageConfig | undefined {
  const [config, setConfig] = useState<PageConfig>();
  useEffect(() => {
    const stop = new AbortController();
    fetch("/config.json", { signal: stop.signal })
      .then(async (response) => {
        if (response.ok) setConfig((await response.json()) as PageConfig);
      })
      // L'état suivi en direct porte les mêmes faits : ne pas les avoir tout de suite n'est pas une panne.
      .catch(() => undefined);
    return () => stop.abort();
  }, []);
  return config;
}
