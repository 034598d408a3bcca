import { Code, ConnectError } from "@connectrpc/connect";
import { useEffect, useState } from "react";
import { admin } from "../../api/admin";
import { type Refusal, refusalOf } from "../../api/errors";
import { pause, retryDelay, whileVisible } from "../../status/follow";
import { append, type LogLine, MAX_LINES } from "./logLines";

/** Lignes demandées à l'ouverture, et à chaque reprise. */
const TAIL_LINES = 1_000;

/** Un flux qui a duré plus longtemps n'était pas en panne : le prochain essai vient vite. */
const HEALTHY_MS = 10_000;

/** Une reprise qui se tait aussi longtemps a rendu ce qu'elle avait. */
const SETTLED_MS = 300;

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

/** Le journal d'un modèle, suivi tant que la page se voit ; il se rouvre de lui-même quand il tombe. */
export function useLogs(model: string): Logs {
  const [lines, setLines] = useState<readonly LogLine[]>([]);
  const [link, setLink] = useState<LogLink>("opening");
  const [refusal, setRefusal] = useState<Refusal>();
  const [attempt, setAttempt] = useState(0);

  // biome-ignore lint/correctness/useExhaustiveDependencies: `attempt` rouvre le journal.
  useEffect(() => {
    let refused = false;
    /** Lignes sous les yeux : une reprise en redemande autant. */
    let shown = 0;
    setRefusal(undefined);

    async function read(signal: AbortSignal) {
      // Une reprise rend de nouveau les dernières lignes : elles remplacent les précédentes d'un coup, pour que la vue ne
      // saute pas, dès qu'il y en a autant ou qu'il n'en vient plus.
      let again: string[] | undefined = [];
      let timer: ReturnType<typeof setTimeout> | undefined;
      const replace = () => {
        if (signal.aborted || !again) return;
        const found = again;
        again = undefined;
        shown = Math.min(MAX_LINES, found.length);
        setLines(append([], found));
      };
      const tailLines = Math.max(TAIL_LINES, shown);
      const options = { signal, onHeader: () => setLink("live") };
      try {
        for await (const batch of admin.streamLogs({ model, follow: true, tailLines }, options)) {
          // Un lot déjà lu peut arriver après l'abandon.
          if (signal.aborted) return;
          clearTimeout(timer);
          if (!again) {
            shown = Math.min(MAX_LINES, shown + batch.lines.length);
            setLines((kept) => append(kept, batch.lines));
            continue;
          }
          again.push(...batch.lines);
          if (again.length >= shown) replace();
          else timer = setTimeout(replace, SETTLED_MS);
        }
      } finally {
        clearTimeout(timer);
      }
    }

    async function keepReading(signal: AbortSignal) {
      let failures = 0;
      while (!signal.aborted) {
        const began = Date.now();
        try {
          await read(signal);
        } catch (error) {
          if (signal.aborted) return;
          if (FINAL.has(ConnectError.from(error).code)) {
            refused = true;
            setRefusal(refusalOf(error));
            return;
          }
        }
        if (signal.aborted) return;
        setLink("lost");
        failures = Date.now() - began > HEALTHY_MS ? 1 : failures + 1;
        await pause(retryDelay(failures), signal);
      }
    }

    // Une page cachée rend sa connexion : le navigateur n'en accorde que six à un hôte, tous onglets compris.
    const running = whileVisible({
      run: (signal) => {
        if (refused) return;
        setLink("opening");
        void keepReading(signal);
      },
      onHidden: () => undefined,
    });
    return running.stop;
  }, [model, attempt]);

  return { lines, link, refusal, reopen: () => setAttempt((count) => count + 1) };
}
