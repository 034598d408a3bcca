import { useEffect, useRef, useState } from "react";
import { chat } from "../api/client";
import { messageOf } from "../api/errors";
import { changeLast, type End, messagesFor, type Turn } from "./turns";

/** Un petit modèle peut se répéter sans fin : la page borne ses réponses, en jetons. */
const MAX_TOKENS = 512;

/** Conversation avec un modèle : la réponse vient au fil de l'eau et s'arrête à la demande. */
export function useChat(model: string) {
  const [turns, setTurns] = useState<Turn[]>([]);
  const [failure, setFailure] = useState<string>();
  const [streaming, setStreaming] = useState(false);
  const current = useRef<AbortController>(undefined);
  useEffect(() => () => current.current?.abort(), []);

  async function send(question: string) {
    const stop = new AbortController();
    current.current = stop;
    setTurns([...turns, { id: turns.length, question, answer: "" }]);
    setFailure(undefined);
    setStreaming(true);
    let end: End = "complete";
    try {
      const request = {
        request: { model, messages: messagesFor(turns, question), options: { maxTokens: MAX_TOKENS } },
      };
      for await (const message of chat.streamChat(request, { signal: stop.signal })) {
        const added = message.deltas.map((delta) => delta.content).join("");
        if (message.deltas.some((delta) => delta.finishReason === "length")) end = "truncated";
        const tokens = message.usage?.completionTokens;
        if (added || tokens) {
          setTurns((before) =>
            changeLast(before, (last) => ({ ...last, answer: last.answer + added, ...(tokens ? { tokens } : {}) })),
          );
        }
      }
    } catch (error) {
      end = stop.signal.aborted ? "stopped" : "failed";
      if (end === "failed") setFailure(messageOf(error));
    }
    setTurns((before) => changeLast(before, (last) => ({ ...last, end })));
    setStreaming(false);
  }

  function restart() {
    setTurns([]);
    setFailure(undefined);
  }

  return { turns, failure, streaming, send, restart, stop: () => current.current?.abort() };
}
