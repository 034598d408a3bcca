import { useEffect, useState } from "react";

const PERIOD_MS = 5_000;

/** Ce que `/readyz` donne pour raisons, redemandé tant que la page a perdu l'état ; absent avant la première réponse, vide s'il se tait aussi. */
export function useReasons(lost: boolean): string[] | undefined {
  const [reasons, setReasons] = useState<string[]>();
  useEffect(() => {
    if (!lost) return;
    const stop = new AbortController();
    const ask = () =>
      fetch("/readyz", { signal: stop.signal })
        .then(async (response) => ((await response.json()) as { reasons?: string[] }).reasons ?? [])
        // Rien ne répond, ou pas nous : il n'y a pas de raison à montrer.
        .catch(() => [])
        .then((found) => {
          if (!stop.signal.aborted) setReasons(found);
        });
    void ask();
    const timer = setInterval(ask, PERIOD_MS);
    return () => {
      stop.abort();
      clearInterval(timer);
      setReasons(undefined);
    };
  }, [lost]);
  return reasons;
}
