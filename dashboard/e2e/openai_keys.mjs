// Le SDK Node d'OpenAI contre un produit à clés : node e2e/openai_keys.mjs URL CLÉ
import assert from "node:assert/strict";
import OpenAI from "openai";

const [base, key] = process.argv.slice(2);
const messages = [{ role: "user", content: "Tell a story." }];
const wrong = new OpenAI({ baseURL: `${base}/v1`, apiKey: "fausse", maxRetries: 0 });
await assert.rejects(
  wrong.models.list(),
  (error) => error instanceof OpenAI.AuthenticationError && error.code === "invalid_api_key",
);

const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: key, maxRetries: 0 });
const busy = await Promise.allSettled(
  Array.from({ length: 8 }, () =>
    client.chat.completions.create({ model: "qwen", messages, max_tokens: 200, temperature: 2 }),
  ),
);
const refused = busy.filter((one) => one.status === "rejected").map((one) => one.reason);
assert.ok(refused.length > 0 && refused.length < 8);
for (const error of refused) {
  assert.ok(error instanceof OpenAI.RateLimitError, String(error));
  assert.ok(Number(error.headers.get("retry-after")) > 0);
}
console.log("tout est bon");
