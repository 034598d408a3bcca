import { useState } from "react";
import { messageOf } from "../api/errors";

/** Un appel à la fois ; `failure` porte le dernier refus, en français. */
export function useVerb() {
  const [failure, setFailure] = useState<string>();
  const [busy, setBusy] = useState(false);

  async function call(verb: () => Promise<unknown>) {
    setFailure(undefined);
    setBusy(true);
    try {
      await verb();
    } catch (error) {
      setFailure(messageOf(error));
    } finally {
      setBusy(false);
    }
  }

  return { call, busy, failure, forget: () => setFailure(undefined) };
}
