// De quoi essayer la conversation : des requêtes et des tours tout faits.
import { create } from "@bufbuild/protobuf";
import { UsageSchema } from "../gen/passerelle/v1/chat_pb";
import type { Ask, Image } from "./ask";
import type { Turn } from "./turns";

/** Ce que chaque langage pourrait prendre pour du code. */
export const HARD = `l'« été » $HOME \`id\` $(id) "x" \\n \\ ${"\n"}\t🎉 \${y} !!`;

const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

/** Image d'un pixel. */
export const PNG: Image = {
  name: "l'image $1.png",
  mimeType: "image/png",
  data: Uint8Array.from(atob(PIXEL), (letter) => letter.charCodeAt(0)),
};

export const FULL: Ask = {
  model: "qwen",
  messages: [
    { role: "system", text: "Sois bref." },
    { role: "user", text: HARD },
    { role: "assistant", text: "Oui." },
    { role: "user", text: "Et ?" },
  ],
  options: { maxTokens: 24, temperature: 0, topP: 0.5, stop: ["\n\n", "fin"], seed: 7 },
};

export const SEEN: Ask = {
  model: "qwen",
  messages: [{ role: "user", text: HARD, images: [PNG] }],
  options: {},
};

export function turn(change: Partial<Turn> = {}): Turn {
  return {
    id: 0,
    question: "a",
    images: [],
    ask: FULL,
    answer: "b",
    reasoning: "",
    end: "complete",
    finishReason: "stop",
    usage: create(UsageSchema, { promptTokens: 10, completionTokens: 21, totalTokens: 31 }),
    times: { first: 500, last: 2500, end: 2600 },
    ...change,
  };
}
