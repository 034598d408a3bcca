import { Code, ConnectError } from "@connectrpc/connect";
import { useEffect, useState } from "react";
import { admin } from "../../api/admin";
import { type Refusal, refusalOf } from "../../api/refusal";
import { pause, retryDelay } from "../../status/follow";
import { append, type LogLine } from "./logLines";

/** Lignes demandées à l'ouverture, et à chaque reprise. */
const TAIL_LINES = 1_000;

/** Un flux qui a duré plus longtemps n'était pas en panne : le prochain essai vient vite. */
const HEALTHY_MS = 10_000;

/** Refus qu'un nouvel essai ne changerait pas. */
const FINAL = new Set([Code.Unauthenticated, Code.PermissionDenied, Code.NotFound, Code.InvalidArgument]);

export type LogLink = "opening" | "live" | "lost";

export interface Logs {
  lines: readonly LogLine[];
  link: LogLink;
  /** Refus du serveur ; plus rien ne vient tant que `reopen` n'est pas appelé. */
  refusal: Refusal | undefined;
  reopen: () => void;
}

/** Le journal d'un modèle, suivi tant que le composant est là ; il se rouvre de lui-même quand il tombe. */
export function useLogs(model: string): Logs {
  const [lines, setLines] = useState<readonly LogLine[]>([]);
  const [link, setLink] = useState<LogLink>("opening");
  const [refusal, setRefusal] = useState<Refusal>();
  const [attempt, setAttempt] = useState(0);

  // biome-ignore lint/correctness/useExhaustiveDependencies: `attempt` rouvre le journal.
  useEffect(() => {
    const stop = new AbortController();
    setRefusal(undefined);
    setLink("opening");

    async function read() {
      // Une reprise rend de nouveau les dernières lignes : elles remplacent les précédentes.
      let fresh = true;
      const options = { signal: stop.signal, onHeader: () => setLink("live") };
      for await (const batch of admin.streamLogs({ model, follow: true, tailLines: TAIL_LINES }, options)) {
        const replace = fresh;
        fresh = false;
        setLines((kept) => append(replace ? [] : kept, batch.lines));
      }
    }

    async function keepReading() {
      let failures = 0;
      while (!stop.signal.aborted) {
        const began = Date.now();
        try {
          await read();
        } catch (error) {
          if (stop.signal.aborted) return;
          if (FINAL.has(ConnectError.from(error).code)) {
            setRefusal(refusalOf(error));
            return;
          }
        }
        if (stop.signal.aborted) return;
        setLink("lost");
        failures = Date.now() - began > HEALTHY_MS ? 1 : failures + 1;
        await pause(retryDelay(failures), stop.signal);
      }
    }

    void keepReading();
    return () => stop.abort();
  }, [model, attempt]);

  return { lines, link, refusal, reopen: () => setAttempt((count) => count + 1) };
}
