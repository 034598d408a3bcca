import { useEffect, useState } from "react";

const PERIOD_MS = 2_000;

/** Pourquoi l'état ne vient plus, et combien de fois de suite rien n'a répondu. */
export interface Reasons {
  said: string[];
  silences: number;
}

const UNKNOWN: Reasons = { said: [], silences: 0 };

/** Ce que `/readyz` donne pour raisons, redemandé tant que la page a perdu l'état. */
export function useReasons(lost: boolean): Reasons {
  const [reasons, setReasons] = useState(UNKNOWN);
  useEffect(() => {
    if (!lost) return;
    const stop = new AbortController();
    const ask = () =>
      fetch("/readyz", { signal: stop.signal })
        .then(async (response) => ((await response.json()) as { reasons?: string[] }).reasons ?? [])
        // Rien ne répond, ou pas nous : il n'y a pas de raison à montrer.
        .catch(() => undefined)
        .then((found) => {
          if (stop.signal.aborted) return;
          setReasons(({ silences }) => ({ said: found ?? [], silences: found ? 0 : silences + 1 }));
        });
    void ask();
    const timer = setInterval(ask, PERIOD_MS);
    return () => {
      stop.abort();
      clearInterval(timer);
      setReasons(UNKNOWN);
    };
  }, [lost]);
  return reasons;
}
