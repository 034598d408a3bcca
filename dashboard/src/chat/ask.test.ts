import { create, toJson } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { StreamChatRequestSchema } from "../gen/passerelle/v1/chat_pb";
import { dataUri, openAiBody, typedRequest } from "./ask";
import { FULL, HARD, PNG, SEEN } from "./samples";

function typed(ask: typeof FULL) {
  return toJson(StreamChatRequestSchema, create(StreamChatRequestSchema, typedRequest(ask)));
}

test("le message typé porte chaque message et chaque réglage", () => {
  expect(typed(FULL)).toEqual({
    request: {
      model: "qwen",
      messages: [
        { role: "CHAT_ROLE_SYSTEM", content: [{ text: "Sois bref." }] },
        { role: "CHAT_ROLE_USER", content: [{ text: HARD }] },
        { role: "CHAT_ROLE_ASSISTANT", content: [{ text: "Oui." }] },
        { role: "CHAT_ROLE_USER", content: [{ text: "Et ?" }] },
      ],
      options: { maxTokens: 24, temperature: 0, topP: 0.5, stop: ["\n\n", "fin"], seed: "7" },
    },
  });
});

test("le JSON d'OpenAI dit la même chose", () => {
  expect(JSON.parse(JSON.stringify(openAiBody(FULL)))).toEqual({
    model: "qwen",
    messages: [
      { role: "system", content: "Sois bref." },
      { role: "user", content: HARD },
      { role: "assistant", content: "Oui." },
      { role: "user", content: "Et ?" },
    ],
    max_tokens: 24,
    temperature: 0,
    top_p: 0.5,
    stop: ["\n\n", "fin"],
    seed: 7,
    stream: true,
    stream_options: { include_usage: true },
  });
});

test("un réglage absent n'est pas envoyé", () => {
  expect(typed({ ...FULL, messages: [], options: {} })).toEqual({ request: { model: "qwen", options: {} } });
  expect(Object.keys(JSON.parse(JSON.stringify(openAiBody({ ...FULL, options: {} }))))).toEqual([
    "model",
    "messages",
    "stream",
    "stream_options",
  ]);
});

test("une image voyage en octets d'un côté, en adresse « data: » de l'autre", () => {
  const image = { data: dataUri(PNG).split(",")[1], mimeType: "image/png" };
  expect(typed(SEEN)).toMatchObject({ request: { messages: [{ content: [{ text: HARD }, { image }] }] } });
  expect(openAiBody(SEEN).messages[0]?.content).toEqual([
    { type: "text", text: HARD },
    { type: "image_url", image_url: { url: dataUri(PNG) } },
  ]);
  const alone = openAiBody({ ...SEEN, messages: [{ role: "user", text: "", images: [PNG] }] });
  expect(alone.messages[0]?.content).toHaveLength(1);
});
