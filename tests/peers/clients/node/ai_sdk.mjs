// AI SDK, de Vercel, par @ai-sdk/openai-compatible.
import assert from "node:assert/strict";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, embed, generateText, jsonSchema, Output, streamText, tool } from "ai";
import { Absent, CITY, city, play, QUESTION, refused, TOO_LONG } from "./cases.mjs";

await play(({ url, key }) => {
  const provider = (apiKey) =>
    createOpenAICompatible({
      name: "passerelle",
      baseURL: `${url}/v1`,
      apiKey,
      includeUsage: true,
      supportsStructuredOutputs: true,
    });
  const ask = (options = {}, prompt = QUESTION) =>
    generateText({ model: provider(key)("qwen"), prompt, maxOutputTokens: 64, maxRetries: 0, ...options });
  const failed = (status, call) =>
    refused((error) => APICallError.isInstance(error) && error.statusCode === status, call).then(
      () => `APICallError ${status}`,
    );
  const absent = (why) => async () => {
    throw new Absent(why);
  };
  return {
    models: absent("ne liste pas les modèles"),
    chat: async () => {
      assert.ok((await ask()).text);
      return "";
    },
    stream: async () => {
      let parts = 0;
      const { textStream } = streamText({ model: provider(key)("qwen"), prompt: QUESTION, maxOutputTokens: 64 });
      for await (const part of textStream) parts += part ? 1 : 0;
      assert.ok(parts > 2);
      return "";
    },
    schema: async () => city((await ask({ output: Output.object({ schema: jsonSchema(CITY) }) })).output),
    tools: async () => {
      const note = tool({ description: "Notes a city.", inputSchema: jsonSchema(CITY) });
      const { toolCalls } = await ask({ tools: { note }, toolChoice: { type: "tool", toolName: "note" } });
      return city(toolCalls[0].input);
    },
    bad_key: () => failed(401, () => ask({ model: provider("fausse")("qwen") })),
    unknown_model: () => failed(404, () => ask({ model: provider(key)("gpt-4o") })),
    overflow: () => failed(400, () => ask({}, TOO_LONG)),
    full_queue: () => failed(429, ask),
    audio: absent("ce fournisseur n'a pas l'audio"),
    embeddings: () =>
      failed(404, () => embed({ model: provider(key).embeddingModel("qwen"), value: "Bonjour", maxRetries: 0 })),
  };
});
