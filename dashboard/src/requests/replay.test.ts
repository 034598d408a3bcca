import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { RequestSchema, RequestSort } from "../gen/passerelle/v1/requests_pb";
import { FILE, replayOf, TEXT } from "./replay";

const TARGET = { base: "http://passerelle.example:8000", keyed: true };
type Shape = MessageInitShape<typeof RequestSchema>;

function replay(sort: RequestSort, options: object = {}, more: Shape = {}) {
  return replayOf(create(RequestSchema, { model: "qwen", sort, options, ...more } as Shape), TARGET) ?? {};
}

const OPTIONS = {
  maxTokens: 64,
  temperature: 0.2,
  topP: 0.9,
  n: 1,
  seed: 7n,
  presencePenalty: 1,
  frequencyPenalty: -1,
};

test("une conversation se refait avec toutes ses options, et un texte à remplir", () => {
  for (const stream of [true, false]) {
    const { curl, python, node, grpc } = replay(RequestSort.CHAT, OPTIONS, { stream });
    const body = JSON.parse(/(\{[\s\S]*\})/.exec(curl ?? "")?.[1] ?? "null");
    expect(body).toEqual({
      model: "qwen",
      messages: [{ role: "user", content: TEXT }],
      max_tokens: 64,
      temperature: 0.2,
      top_p: 0.9,
      n: 1,
      seed: 7,
      presence_penalty: 1,
      frequency_penalty: -1,
      ...(stream && { stream: true, stream_options: { include_usage: true } }),
    });
    for (const text of [python, node, grpc]) {
      for (const value of [TEXT, "0.2", "0.9", "64", "7"]) expect(text).toContain(value);
      expect(text).toContain("PASSERELLE_KEY");
    }
    expect(grpc).toContain(stream ? "service.StreamChat(" : "service.Chat(");
  }
});

test("une option que la requête n'avait pas n'est pas inventée, un zéro n'est pas oublié", () => {
  const { curl, grpc } = replay(RequestSort.CHAT, { temperature: 0 });
  expect(curl).toContain('"temperature": 0');
  expect(grpc).toContain("temperature=0");
  for (const text of [curl, grpc]) expect(text).not.toMatch(/max_tokens|top_p|seed|tools|response_format|undefined/);
});

test("un schéma et des outils ont leur place, leur contenu est à remplir", () => {
  const { curl, grpc } = replay(RequestSort.CHAT, { format: "json_schema", tools: 2 });
  expect(curl).toMatch(/"json_schema".*"OUTIL"/s);
  expect(grpc).toMatch(/JsonSchemaFormat\(name="reponse", schema={"type": "object"}\)/);
  expect(grpc).toContain('Tool(name="OUTIL"');
  expect(replay(RequestSort.CHAT, { format: "json_object" }).grpc).toContain("json_object=True");
});

test("une complétion aussi", () => {
  const { curl, python, grpc } = replay(RequestSort.COMPLETION, { maxTokens: 16 }, { stream: true });
  expect(curl).toContain("/v1/completions");
  expect(python).toContain("client.completions.create(");
  expect(grpc).toContain("service.StreamComplete(");
});

test("un fichier se refait avec sa langue, sa forme et ses locuteurs", () => {
  const plain = replay(RequestSort.TRANSCRIBE, { language: "fr", format: "srt", temperature: 0.5 });
  expect(plain.curl).toMatch(/v1\/audio\/transcriptions(?=[\s\S]*language=fr)(?=[\s\S]*response_format=srt)/);
  expect(plain.python).toContain("print(answer)");
  expect(plain.grpc).toMatch(/language="fr"[\s\S]*temperature=0.5/);
  const spoken = replay(RequestSort.TRANSCRIBE, { language: "en", speakers: true, numSpeakers: 2, format: "json" });
  expect(spoken.curl).toMatch(/api\/audio\/transcribe(?=[\s\S]*diarize=true)(?=[\s\S]*num_speakers=2)/);
  const translated = replay(RequestSort.TRANSCRIBE, { translate: true, targetLanguage: "de", punctuation: false });
  expect(translated.curl).toMatch(/task=translate[\s\S]*target_language=de[\s\S]*punctuation=false/);
  expect(translated.grpc).toMatch(/TRANSCRIBE_TASK_TRANSLATE[\s\S]*target_language="de"/);
  const turns = replay(RequestSort.DIARIZE, { minSpeakers: 1, maxSpeakers: 3 });
  expect(turns.curl).toMatch(/diarization\/process[\s\S]*min_speakers=1[\s\S]*max_speakers=3/);
  for (const { curl, python, node } of [plain, spoken, turns])
    for (const text of [curl, python, node]) expect(text).toContain(FILE);
  const { python } = replay(RequestSort.LIVE, { language: "en" });
  expect(python).toContain("websockets");
});

test("une requête refusée avant d'être menée à un modèle ne se refait pas", () => {
  expect(replayOf(create(RequestSchema, { sort: RequestSort.CHAT }), TARGET)).toBeUndefined();
  expect(Object.keys(replay(RequestSort.UNSPECIFIED))).toEqual([]);
});
