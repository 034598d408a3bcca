import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { StreamTranscribeResponseSchema } from "../../gen/passerelle/v1/transcribe_pb";
import { after, EMPTY, resultOf } from "./transcript";

const told = (...events: JsonValue[]) =>
  events.map((event) => fromJson(StreamTranscribeResponseSchema, event)).reduce(after, EMPTY);

test("un provisoire garde des caractères entiers du précédent", () => {
  const partial = (kept_length: number, text: string) => ({ partial: { utterance_index: 0, kept_length, text } });
  expect(told(partial(0, "😀 bon"), partial(3, "ça va")).partial).toBe("😀 bça va");
  expect(told(partial(0, "abc"), partial(0, "xyz")).partial).toBe("xyz");
});

test("une phrase finie prend la place du provisoire, et le bilan dit la langue", () => {
  const found = told(
    { ready: { id: "r1", model: "canary" } },
    { speech_start: { offset: "0.5s" } },
    { partial: { text: "bon" } },
    { speech_end: { offset: "1.500s" } },
    { final: { index: 0, text: "Bonjour.", start_offset: "0.5s", end_offset: "1.500s" } },
    { final: { index: 1, text: "", start_offset: "2s", end_offset: "3s" } },
    {
      summary: {
        language: "fr",
        coverage: { covered_duration: "4s", speech_without_words: [{ start_offset: "2s", end_offset: "3s" }] },
      },
    },
  );
  expect(found).toMatchObject({
    partial: "",
    speaking: false,
    language: "fr",
    unheard: 1,
    duration: 4,
    model: "canary",
  });
  expect(resultOf(found)).toMatchObject({
    id: "r1",
    duration: 4,
    text: "Bonjour.",
    segments: [{ index: 0, start: 0.5, end: 1.5, text: "Bonjour." }],
  });
});
