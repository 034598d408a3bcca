// openai, en Node.
import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import OpenAI from "openai";
import { CITY, city, play, QUESTION, refused, TOO_LONG } from "./cases.mjs";

await play(({ url, key, speech }) => {
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
  const ask = (options = {}, text = QUESTION) =>
    client.chat.completions.create({
      model: "qwen",
      messages: [{ role: "user", content: text }],
      max_completion_tokens: 64,
      ...options,
    });
  return {
    models: async () => {
      const ids = [];
      for await (const model of client.models.list()) ids.push(model.id);
      assert.ok(ids.includes("qwen"));
      return "";
    },
    chat: async () => {
      assert.ok((await ask()).choices[0].message.content);
      return "";
    },
    stream: async () => {
      let parts = 0;
      for await (const chunk of await ask({ stream: true })) parts += chunk.choices[0]?.delta?.content ? 1 : 0;
      assert.ok(parts > 2);
      return "";
    },
    schema: async () => {
      const json_schema = { name: "city", schema: CITY, strict: true };
      const answer = await ask({ response_format: { type: "json_schema", json_schema } });
      return city(JSON.parse(answer.choices[0].message.content));
    },
    tools: async () => {
      const answer = await ask({
        tools: [{ type: "function", function: { name: "note", parameters: CITY } }],
        tool_choice: { type: "function", function: { name: "note" } },
      });
      return city(JSON.parse(answer.choices[0].message.tool_calls[0].function.arguments));
    },
    bad_key: () =>
      refused(
        (error) => error instanceof OpenAI.AuthenticationError,
        () => client.withOptions({ apiKey: "fausse" }).models.list(),
      ),
    unknown_model: () =>
      refused(
        (error) => error instanceof OpenAI.NotFoundError,
        () => ask({ model: "gpt-4o" }),
      ),
    overflow: () =>
      refused(
        (error) => error instanceof OpenAI.BadRequestError && error.code === "context_length_exceeded",
        () => ask({}, TOO_LONG),
      ),
    full_queue: () => refused((error) => error instanceof OpenAI.RateLimitError, ask),
    audio: async () => {
      const file = createReadStream(speech);
      assert.ok((await client.audio.transcriptions.create({ model: "whisper-1", file })).text);
      return "";
    },
    embeddings: () =>
      refused(
        (error) => error instanceof OpenAI.NotFoundError,
        () => client.embeddings.create({ model: "qwen", input: "Bonjour" }),
      ),
  };
});
