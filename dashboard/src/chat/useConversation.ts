import { useEffect, useRef, useState } from "react";
import { messageOf } from "../api/errors";
import type { StreamChatResponse } from "../gen/passerelle/v1/chat_pb";
import type { Ask, Image, Options } from "./ask";
import { changeLast, extend, messagesFor, type Turn } from "./turns";

/** Fait partir une requête ; la réponse vient au fil de l'eau. */
export type Stream = (ask: Ask, signal: AbortSignal) => AsyncIterable<StreamChatResponse>;

/** Ce qui accompagne une question. */
export interface Setup {
  /** Donné par la page : ce que lit l'accueil ne parle pas au moteur. */
  stream: Stream;
  model: string;
  system: string;
  options: Options;
}

/** Échanges avec un modèle : la réponse vient au fil de l'eau et s'arrête à la demande. */
export function useConversation() {
  const [turns, setTurns] = useState<Turn[]>([]);
  const [streaming, setStreaming] = useState(false);
  const current = useRef<AbortController>(undefined);
  const next = useRef(0);
  useEffect(() => () => current.current?.abort(), []);

  /** Envoie une question ; `past` est ce qui la précède. */
  async function send(past: Turn[], question: string, images: Image[], setup: Setup) {
    const { stream, model, system, options } = setup;
    const ask: Ask = { model, messages: messagesFor(past, question, images, system), options };
    const stop = new AbortController();
    current.current = stop;
    const id = next.current++;
    setTurns([...past, { id, question, images, ask, answer: "", reasoning: "", finishReason: "", times: {} }]);
    setStreaming(true);
    const started = performance.now();
    let outcome: Pick<Turn, "end" | "failure"> = { end: "complete" };
    try {
      for await (const message of stream(ask, stop.signal)) {
        const added = addedBy(message, performance.now() - started);
        setTurns((before) => changeLast(before, (last) => extend(last, added)));
      }
    } catch (error) {
      outcome = stop.signal.aborted ? { end: "stopped" } : { end: "failed", failure: messageOf(error) };
    }
    const end = performance.now() - started;
    setTurns((before) => changeLast(before, (last) => ({ ...last, ...outcome, times: { ...last.times, end } })));
    setStreaming(false);
  }

  return { turns, streaming, send, stop: () => current.current?.abort(), clear: () => setTurns([]) };
}

function addedBy({ deltas, usage }: StreamChatResponse, at: number) {
  return {
    text: deltas.map((delta) => delta.content).join(""),
    reasoning: deltas.map((delta) => delta.reasoningContent).join(""),
    finishReason: deltas.map((delta) => delta.finishReason).join(""),
    usage,
    at,
  };
}
