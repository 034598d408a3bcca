import { useState } from "react";
import { errorInfo } from "../api/errorInfo";
import { messageOf } from "../api/errors";

export interface Refusal {
  message: string;
  /** Motif du contrat ; vide si le serveur n'en a pas donné. */
  reason: string;
}

/** Ce qu'une page dit d'un appel refusé. */
export function refusalOf(error: unknown): Refusal {
  return { message: messageOf(error), reason: errorInfo(error)?.reason ?? "" };
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
      setFailure(refusalOf(error));
    } finally {
      setBusy(false);
    }
  }

  return { call, busy, failure, forget: () => setFailure(undefined) };
}
