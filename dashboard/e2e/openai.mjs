// Le SDK Node d'OpenAI contre un produit ouvert : node e2e/openai.mjs URL CLÉ
import assert from "node:assert/strict";
import OpenAI from "openai";

const [base, key] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: key, maxRetries: 0 });
const messages = [{ role: "user", content: "What is the capital of France?" }];
const options = { model: "qwen", messages, max_tokens: 24, temperature: 0, seed: 7 };

const whole = await client.chat.completions.create(options);
assert.equal(whole.object, "chat.completion");
assert.ok(whole.choices[0].message.content.length > 0);
assert.equal(whole.usage.total_tokens, whole.usage.prompt_tokens + whole.usage.completion_tokens);

let text = "";
let usage = null;
for await (const chunk of await client.chat.completions.create({
  ...options,
  stream: true,
  stream_options: { include_usage: true },
})) {
  text += chunk.choices[0]?.delta?.content ?? "";
  usage = chunk.usage ?? usage;
}
assert.equal(text, whole.choices[0].message.content);
assert.equal(usage.completion_tokens, whole.usage.completion_tokens);

const story = await client.chat.completions.create({
  ...options,
  messages: [{ role: "user", content: "Tell a very long story." }],
  max_tokens: 2000,
  stream: true,
});
let seen = 0;
for await (const _ of story) {
  seen += 1;
  if (seen === 3) story.controller.abort();
}
assert.ok(seen >= 3);

const completion = await client.completions.create({ model: "qwen", prompt: "Once upon a time", max_tokens: 8 });
assert.equal(completion.object, "text_completion");

const ids = [];
for await (const model of client.models.list()) ids.push(model.id);
assert.ok(ids.includes("qwen") && ids.includes("whisper-1"));
assert.equal((await client.models.retrieve("qwen")).id, "qwen");

await assert.rejects(
  client.chat.completions.create({ ...options, model: "gpt-4o" }),
  (error) => error instanceof OpenAI.NotFoundError && error.code === "model_not_found",
);
await assert.rejects(
  client.chat.completions.create({ ...options, messages: [] }),
  (error) => error instanceof OpenAI.BadRequestError && error.param === "messages",
);
console.log("tout est bon");
