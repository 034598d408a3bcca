import { Code, ConnectError } from "@connectrpc/connect";
import { createContext, type ReactNode, useContext, useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { givenKey, onKeyChange } from "../api/accessKey";
import { admin } from "../api/admin";
import { errorInfo, messageOf } from "../api/errors";
import type { GetAccessResponse } from "../gen/passerelle/v1/admin_pb";
import { useServer } from "../status/StatusProvider";

/** Ce que le serveur dit de la clé ; `waiting` tant qu'il n'a rien dit. */
export type Verdict =
  | { state: "none" }
  | { state: "waiting" }
  | { state: "refused"; reason: string }
  | { state: "failed"; message: string }
  | { state: "accepted"; access: GetAccessResponse };

export interface Access {
  key: string;
  verdict: Verdict;
}

const NONE: Verdict = { state: "none" };
const WAITING: Verdict = { state: "waiting" };
const Context = createContext<Access>({ key: "", verdict: NONE });

/** Fait vérifier la clé par le serveur, quand elle change et chaque fois qu'il revient. */
export function AccessProvider({ children }: { children: ReactNode }) {
  const given = useSyncExternalStore(onKeyChange, givenKey);
  const connected = useServer().link === "connected";
  const [last, setLast] = useState({ given, verdict: WAITING });
  // Un verdict ne vaut que pour sa clé ; la revérifier, au retour sur l'onglet, ne le fait pas oublier.
  const verdict = !given.text ? NONE : last.given === given ? last.verdict : WAITING;
  useEffect(() => {
    if (!given.text || !connected) return;
    const stop = new AbortController();
    admin
      .getAccess({}, { signal: stop.signal })
      .then((access): Verdict => ({ state: "accepted", access }))
      .catch((error: unknown): Verdict => {
        const refused = ConnectError.from(error).code === Code.Unauthenticated;
        return refused
          ? { state: "refused", reason: errorInfo(error)?.reason ?? "" }
          : { state: "failed", message: messageOf(error) };
      })
      .then((found) => {
        if (!stop.signal.aborted) setLast({ given, verdict: found });
      });
    return () => stop.abort();
  }, [given, connected]);
  const access = useMemo(() => ({ key: given.text, verdict }), [given, verdict]);
  return <Context value={access}>{children}</Context>;
}

/** La clé de la page, et ce que le serveur en dit. */
export function useAccess(): Access {
  return useContext(Context);
}
