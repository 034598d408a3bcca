import { timestampMs } from "@bufbuild/protobuf/wkt";
import { useEffect, useRef, useState } from "react";
import type { Status } from "../gen/passerelle/v1/admin_pb";

/** Le serveur n'est plus celui qui a donné cette page. */
export interface Update {
  /** Sa version, si elle a changé. */
  version: string | undefined;
  /** Vrai si ses fichiers ne sont plus ceux de cette page : elle est à recharger. */
  stale: boolean;
}

/** Ce qui a changé du serveur depuis l'ouverture de la page ; relu à chacun de ses démarrages. */
export function useUpdate(status: Status | undefined): Update | undefined {
  const [update, setUpdate] = useState<Update>();
  const opened = useRef<{ version: string; started: number }>(undefined);
  const started = status?.startedAt && timestampMs(status.startedAt);
  const version = status && versionOf(status);
  useEffect(() => {
    if (started === undefined || version === undefined) return;
    opened.current ??= { version, started };
    if (started === opened.current.started) return;
    const changed = version === opened.current.version ? undefined : version;
    const stop = new AbortController();
    void replaced(stop.signal).then((stale) => {
      if (!stop.signal.aborted) setUpdate(stale || changed ? { version: changed, stale } : undefined);
    });
    return () => stop.abort();
  }, [started, version]);
  return update;
}

/** Version et commit, comme on les dit. */
export function versionOf({ version, build }: Pick<Status, "version" | "build">): string {
  return build ? `${version} (${build.slice(0, 7)})` : version;
}

/** Vrai si la page que sert le serveur n'a plus le programme de celle-ci. */
async function replaced(signal: AbortSignal): Promise<boolean> {
  const own = document.querySelector<HTMLScriptElement>("script[type=module][src]");
  try {
    const response = await fetch("/", { signal, cache: "no-store" });
    return own !== null && response.ok && !(await response.text()).includes(new URL(own.src).pathname);
  } catch {
    // Reparti aussitôt : son prochain démarrage le redemandera.
    return false;
  }
}
