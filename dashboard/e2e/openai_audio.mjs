// Le SDK Node d'OpenAI et de l'audio réel : node e2e/openai_audio.mjs URL CLÉ PHRASE.wav DIALOGUE.wav
import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import OpenAI from "openai";

const [base, key, phrase, dialogue] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: key, maxRetries: 0 });
const create = (options = {}, path = phrase) =>
  client.audio.transcriptions.create({
    model: "whisper-1",
    file: createReadStream(path),
    ...options,
  });

const { text, usage } = await create();
assert.match(text, /Dashwood/);
assert.deepEqual(usage, { type: "duration", seconds: 8 });

assert.equal((await create({ response_format: "text" })).trim(), text);
assert.match(await create({ response_format: "srt" }), /^1\n00:00:00,\d{3} --> /);
assert.match(await create({ response_format: "vtt" }), /^WEBVTT\n/);
const verbose = await create({
  response_format: "verbose_json",
  timestamp_granularities: ["word", "segment"],
});
assert.equal(verbose.text, text);
assert.equal(verbose.words.map((word) => word.word).join(" "), text);
assert.ok(verbose.segments[0].end > verbose.segments[0].start);

let deltas = "";
let done = "";
for await (const event of await create({ stream: true })) {
  if (event.type === "transcript.text.delta") deltas += event.delta;
  if (event.type === "transcript.text.done") done = event.text;
}
assert.equal(deltas, text);
assert.equal(done, text);

const diarized = await create({ response_format: "diarized_json" }, dialogue);
assert.deepEqual(new Set(diarized.segments.map((segment) => segment.speaker)), new Set(["A", "B"]));

const translated = await client.audio.translations.create({
  model: "whisper-1",
  file: createReadStream(phrase),
});
assert.match(translated.text, /Dashwood/);

await assert.rejects(create({ include: ["logprobs"] }), (error) => {
  assert.equal(error.status, 400);
  assert.equal(error.param, "include[]");
  return true;
});
await assert.rejects(create({}, import.meta.filename), (error) => {
  assert.equal(error.status, 400);
  assert.equal(error.code, "invalid_audio");
  return true;
});

console.log("tout est bon");
