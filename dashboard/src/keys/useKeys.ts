import { useCallback, useEffect, useState } from "react";
import { keys } from "../api/client";
import { messageOf } from "../api/errors";
import type { NamedKey } from "../gen/passerelle/v1/keys_pb";

const PAGE = 1000;

interface Read {
  /** Clé d'accès, et lecture, dont c'est la réponse. */
  query: string;
  listed?: NamedKey[];
  failure?: string;
}

/** Les clés du serveur, relues quand la clé d'accès change et quand `reload` le demande ; rien n'est lu si `closed`. */
export function useKeys(access: string, closed: boolean) {
  const [turn, setTurn] = useState(0);
  const [found, setFound] = useState<Read>();
  useEffect(() => {
    if (closed) return;
    const stop = new AbortController();
    const query = `${access} ${turn}`;
    readAll(stop.signal)
      .then((listed): Read => ({ query, listed }))
      .catch((error: unknown): Read => ({ query, failure: messageOf(error) }))
      .then((read) => {
        if (!stop.signal.aborted) setFound(read);
      });
    return () => stop.abort();
  }, [access, closed, turn]);
  const reload = useCallback(() => setTurn((before) => before + 1), []);
  // Les clés que montrait une autre clé d'accès ne sont plus à montrer ; celles d'avant un geste, si, le temps de relire.
  const current = found?.query.startsWith(`${access} `) ? found : undefined;
  return { listed: current?.listed, failure: current?.failure, reload };
}

async function readAll(signal: AbortSignal): Promise<NamedKey[]> {
  const listed: NamedKey[] = [];
  let pageToken = "";
  do {
    const page = await keys.listKeys({ pageSize: PAGE, pageToken }, { signal });
    listed.push(...page.keys);
    pageToken = page.nextPageToken;
  } while (pageToken);
  return listed;
}
