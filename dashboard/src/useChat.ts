import { useRef, useState } from "react";
import { chat, messageOf } from "./api";
import { ChatRole } from "./gen/passerelle/v1/chat_pb";

export interface Turn {
  id: number;
  role: "user" | "assistant";
  text: string;
  stopped?: boolean;
}

const MAX_TOKENS = 512;

/** Conversation avec un modèle : la réponse vient au fil de l'eau et s'arrête à la demande. */
export function useChat(model: string) {
  const [turns, setTurns] = useState<Turn[]>([]);
  const [failure, setFailure] = useState<string>();
  const [streaming, setStreaming] = useState(false);
  const current = useRef<AbortController>(undefined);

  function change(update: (last: Turn) => Turn) {
    setTurns((before) => before.map((turn, index) => (index === before.length - 1 ? update(turn) : turn)));
  }

  async function send(text: string) {
    const asked: Turn[] = [...turns, { id: turns.length, role: "user", text }];
    setTurns([...asked, { id: asked.length, role: "assistant", text: "" }]);
    setFailure(undefined);
    setStreaming(true);
    const stop = new AbortController();
    current.current = stop;
    const messages = asked.map((turn) => ({
      role: turn.role === "user" ? ChatRole.USER : ChatRole.ASSISTANT,
      content: [{ part: { case: "text" as const, value: turn.text } }],
    }));
    try {
      const request = { request: { model, messages, options: { maxTokens: MAX_TOKENS } } };
      for await (const message of chat.streamChat(request, { signal: stop.signal })) {
        const added = message.deltas.map((delta) => delta.content).join("");
        if (added) change((last) => ({ ...last, text: last.text + added }));
      }
    } catch (error) {
      if (!stop.signal.aborted) setFailure(messageOf(error));
    } finally {
      if (stop.signal.aborted) change((last) => ({ ...last, stopped: true }));
      setStreaming(false);
    }
  }

  return { turns, failure, streaming, send, stop: () => current.current?.abort() };
}
