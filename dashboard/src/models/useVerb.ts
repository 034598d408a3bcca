import { useState } from "react";
import { messageOf, reasonOf } from "../api/errors";

export interface Refusal {
  message: string;
  /** Motif du contrat ; vide si le serveur n'en a pas donné. */
  reason: string;
}

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
      setFailure({ message: messageOf(error), reason: reasonOf(error) });
    } finally {
      setBusy(false);
    }
  }

  return { call, busy, failure, forget: () => setFailure(undefined) };
}
