import { timestampMs } from "@bufbuild/protobuf/wkt";
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useRef, useState } from "react";
import { admin } from "../api/admin";
import { recall, retain } from "../api/storage";
import { type Operation, OperationState } from "../gen/passerelle/v1/operation_pb";
import { useServer } from "../status/StatusProvider";
import { endedSince, failuresSince, operationsMark } from "./operations";

const SEEN_KEY = "passerelle.activity-seen";
const RECENT = 50;

export interface Recent {
  /** Change quand une opération a pu commencer ou finir, et quand le serveur revient. */
  mark: string;
  /** Échecs que la personne n'a pas encore regardés, du plus récent au plus ancien. */
  unseen: Operation[];
  /** Opération qui vient de finir ; un échec passe devant. */
  ended: Operation | undefined;
  /** Tient les échecs connus pour vus. */
  markSeen: () => void;
  /** Oublie `ended`. */
  dismiss: () => void;
}

const NONE: Recent = { mark: "", unseen: [], ended: undefined, markSeen: () => {}, dismiss: () => {} };
const Context = createContext<Recent>(NONE);

/** Relit les dernières opérations chaque fois que l'état suivi dit qu'une a changé. */
export function RecentProvider({ children }: { children: ReactNode }) {
  const { status, link } = useServer();
  const mark = link === "connected" ? operationsMark(status) : "";
  const known = useRef<Operation[]>(undefined);
  const [recent, setRecent] = useState<Operation[]>([]);
  const [ended, setEnded] = useState<Operation>();
  const [seen, setSeen] = useState(() => Number(recall("localStorage", SEEN_KEY)) || 0);
  useEffect(() => {
    if (!mark) return;
    const stop = new AbortController();
    admin
      .listOperations({ pageSize: RECENT }, { signal: stop.signal })
      .then(({ operations }) => {
        if (stop.signal.aborted) return;
        const fresh = known.current ? endedSince(known.current, operations) : [];
        known.current = operations;
        setRecent(operations);
        setEnded((before) => outcome(before, fresh, operations));
      })
      // L'état suivi dit déjà que le serveur ne répond pas ; son retour change la marque.
      .catch(() => undefined);
    return () => stop.abort();
  }, [mark]);

  const markSeen = useCallback(() => {
    const last = Math.max(0, ...recent.map(({ finishedAt }) => (finishedAt ? timestampMs(finishedAt) : 0)));
    if (last <= seen) return;
    setSeen(last);
    retain("localStorage", SEEN_KEY, String(last));
  }, [recent, seen]);
  const dismiss = useCallback(() => setEnded(undefined), []);
  const value = useMemo(
    () => ({ mark, unseen: failuresSince(recent, seen), ended, markSeen, dismiss }),
    [mark, recent, seen, ended, markSeen, dismiss],
  );
  return <Context value={value}>{children}</Context>;
}

/** Ce qui vient de se passer sur le serveur. */
export function useRecent(): Recent {
  return useContext(Context);
}

function outcome(before: Operation | undefined, fresh: Operation[], all: Operation[]): Operation | undefined {
  const failed = fresh.find(({ state }) => state === OperationState.FAILED);
  if (failed) return failed;
  const kept = before?.state === OperationState.FAILED ? before : undefined;
  // Une réussite de la même chose règle l'échec ; une nouvelle tentative aussi, le temps qu'elle dure.
  const again = kept && all.find(({ model, kind }) => model === kept.model && kind === kept.kind);
  if (kept && again?.id === kept.id) return kept;
  if (all.some(({ state }) => state === OperationState.RUNNING)) return undefined;
  return fresh[0] ?? (kept ? undefined : before);
}
