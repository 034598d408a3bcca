import { useEffect, useState } from "react";
import { admin } from "../api/admin";
import { messageOf } from "../api/errors";
import type { Operation, OperationKind, OperationState } from "../gen/passerelle/v1/operation_pb";
import { useRecent } from "./RecentProvider";

const PAGE = 10;
/** Plus grande page que le serveur admet. */
const MAX_PAGE = 500;

export interface Filter {
  /** Clé du modèle ; vide : tous. */
  model: string;
  /** Absent : tous. */
  kind: OperationKind | undefined;
}

/** Opérations d'un filtre et de ces états, page après page ; relues dès que l'état suivi dit qu'une a changé. */
export function useOperations({ model, kind }: Filter, states: readonly OperationState[]) {
  const { mark } = useRecent();
  const wanted = states.join();
  const query = `${model} ${kind} ${wanted}`;
  const [size, setSize] = useState({ query, count: PAGE });
  const count = size.query === query ? size.count : PAGE;
  const [found, setFound] = useState<{ query: string; operations: Operation[]; more: boolean }>();
  const [failure, setFailure] = useState<string>();
  useEffect(() => {
    if (!mark || !wanted) return;
    const stop = new AbortController();
    const kinds = kind === undefined ? [] : [kind];
    read({ model, kinds, states: wanted.split(",").map(Number) }, count, stop.signal)
      .then((next) => {
        if (stop.signal.aborted) return;
        setFound({ query, ...next });
        setFailure(undefined);
      })
      .catch((error: unknown) => {
        if (stop.signal.aborted) return;
        setFailure(messageOf(error));
        // Les lignes d'un autre filtre passeraient pour la réponse.
        setFound((before) => (before?.query === query ? before : undefined));
      });
    return () => stop.abort();
  }, [mark, model, kind, wanted, query, count]);
  return { found, failure, loadMore: () => setSize({ query, count: count + PAGE }) };
}

interface Query {
  model: string;
  kinds: OperationKind[];
  states: OperationState[];
}

async function read(query: Query, count: number, signal: AbortSignal) {
  const operations: Operation[] = [];
  let pageToken = "";
  do {
    const pageSize = Math.min(MAX_PAGE, count - operations.length);
    const page = await admin.listOperations({ ...query, pageSize, pageToken }, { signal });
    operations.push(...page.operations);
    pageToken = page.nextPageToken;
  } while (pageToken && operations.length < count);
  return { operations, more: pageToken !== "" };
}
