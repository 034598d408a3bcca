import { useState } from "react";
import { type Refusal, refusalOf } from "../api/refusal";
import { useServer } from "../status/StatusProvider";

export type Call = (verb: () => Promise<unknown>) => Promise<void>;

/** Un appel à la fois, aucun tant que le lien est perdu ; `failure` porte le dernier refus, en français. */
export function useVerb() {
  const [failure, setFailure] = useState<Refusal>();
  const [busy, setBusy] = useState(false);
  const { link } = useServer();

  async function call(verb: () => Promise<unknown>) {
    setFailure(undefined);
    setBusy(true);
    try {
      await verb();
    } catch (error) {
      setFailure(refusalOf(error));
    } finally {
      setBusy(false);
    }
  }

  return { call, busy: busy || link === "lost", failure, forget: () => setFailure(undefined) };
}
