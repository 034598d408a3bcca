import { useState } from "react";
import { type Refusal, refusalOf } from "../api/refusal";

export type Call = (verb: () => Promise<unknown>) => Promise<void>;

/** Un appel à la fois ; `failure` porte le dernier refus, en français. */
export function useVerb() {
  const [failure, setFailure] = useState<Refusal>();
  const [busy, setBusy] = useState(false);

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

  return { call, busy, failure, forget: () => setFailure(undefined) };
}
