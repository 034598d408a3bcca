import { useCallback, useEffect, useRef, useState } from "react";
import { admin } from "../api/admin";
import type { Status } from "../gen/passerelle/v1/admin_pb";
import { follow, pause, type Running, whileVisible } from "./follow";
import { History, samples } from "./history";

/** Le serveur parle au moins toutes les 2 s : trois périodes sans un mot, et le flux est mort. */
const SILENCE_MS = 6_000;

/** Un flux tenu plus longtemps, et qui finit, est rouvert avant qu'on ne s'en inquiète. */
const STEADY_MS = 10_000;

/**
 * Ce qu'il en est du flux : `connecting` avant le premier état, `connected`, `lost` quand il est tombé, `paused` quand
 * la page s'est cachée, jusqu'au premier état d'après.
 */
export type Link = "connecting" | "connected" | "lost" | "paused";

export interface Watched {
  /** Dernier état reçu ; `undefined` avant le premier. */
  status: Status | undefined;
  link: Link;
  /** Instant du dernier message, en millisecondes. */
  receivedAt: number | undefined;
}

/** État du serveur, suivi en direct tant que la page se voit ; la connexion est reprise quand elle tombe. */
export function useStatus(): Watched & { history: History; retry: () => void } {
  const [watched, setWatched] = useState<Watched>({ status: undefined, link: "connecting", receivedAt: undefined });
  const [history] = useState(() => new History());
  const running = useRef<Running>(undefined);
  useEffect(() => {
    const become = (link: Link) => {
      history.cut();
      setWatched((last) => ({ ...last, link }));
    };
    running.current = whileVisible({
      run: (signal) =>
        void follow({
          open: (attempt) => admin.watchStatus({}, { signal: attempt }),
          onMessage: ({ status }) => {
            const receivedAt = Date.now();
            if (status) history.record(samples(status), receivedAt);
            setWatched({ status, link: "connected", receivedAt });
          },
          onLost: () => become("lost"),
          silence: SILENCE_MS,
          steady: STEADY_MS,
          wait: pause,
          signal,
        }),
      // Sans aucun état encore, il n'y a rien dont dire l'âge.
      onHidden: () => {
        history.cut();
        setWatched((last) => (last.status ? { ...last, link: "paused" } : last));
      },
    });
    return () => running.current?.stop();
  }, [history]);
  const retry = useCallback(() => running.current?.restart(), []);
  return { ...watched, history, retry };
}
