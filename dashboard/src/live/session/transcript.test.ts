import { fromJson, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { doubtsOf } from "../../audio/result/lanes";
import { StreamTranscribeResponseSchema } from "../../gen/passerelle/v1/transcribe_pb";
import { after, EMPTY, partsOf, resultOf } from "./transcript";

const told = (...events: JsonValue[]) =>
  events
    .map((event) => fromJson(StreamTranscribeResponseSchema, event))
    .reduce((before, event) => after(before, event), EMPTY);

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

const word = (text: string, start: number, speaker_label: string) => ({
  text,
  start_offset: `${start}s`,
  end_offset: `${start + 1}s`,
  speaker_label,
});
const SPOKEN = {
  final: {
    index: 0,
    text: "Oui, bien sûr.",
    start_offset: "0s",
    end_offset: "3s",
    speaker_label: "SPEAKER_00",
    words: [word("Oui,", 0, "SPEAKER_00"), word("bien", 1, "SPEAKER_00"), word("sûr.", 2, "SPEAKER_00")],
  },
};
const revision = (first_word: number, word_count: number, to_label: string) => ({
  utterance_index: 0,
  first_word,
  word_count,
  from_label: "SPEAKER_00",
  to_label,
});

test("une correction change le locuteur de ses mots, jamais le texte", () => {
  const { finals } = told(SPOKEN, { speaker_revisions: { revisions: [revision(1, 2, "Camille")] } });
  expect(finals[0]).toMatchObject({ text: "Oui, bien sûr.", speaker: "Camille" });
  expect(finals.flatMap(partsOf)).toEqual([
    { speaker: "SPEAKER_00", start: 0, text: "Oui, " },
    { speaker: "Camille", start: 1, text: "bien sûr." },
  ]);
});

test("le bilan porte les dernières corrections, et un flux repris les siennes", () => {
  const summed = told(SPOKEN, { summary: { language: "fr", speaker_revisions: [revision(0, 3, "SPEAKER_01")] } });
  expect(summed.finals.flatMap(partsOf).map(({ speaker }) => speaker)).toEqual(["SPEAKER_01"]);
  const before = told(SPOKEN);
  const again = fromJson(StreamTranscribeResponseSchema, SPOKEN);
  const revised = fromJson(StreamTranscribeResponseSchema, {
    speaker_revisions: { revisions: [revision(0, 3, "SPEAKER_01")] },
  });
  const resumed = after(after(before, again, 1), revised, 1);
  expect(resumed.finals.map(({ index, speaker }) => [index, speaker])).toEqual([
    [0, "SPEAKER_00"],
    [1, "SPEAKER_01"],
  ]);
});

test("les mots à vérifier d'une phrase restent dans son texte et dans son JSON", () => {
  const word = (text: string, from: number, more: JsonObject = {}) => ({
    text,
    start_offset: `${from}s`,
    end_offset: `${from + 1}s`,
    ...more,
  });
  const low = { confidence: 0.25, low_confidence: true };
  const final = (speakers: boolean) => ({
    final: {
      index: 0,
      text: "Oui, bien sûr.",
      start_offset: "0s",
      end_offset: "3s",
      low_confidence: true,
      words: [word("Oui,", 0, { confidence: 0.75 }), word("bien", 1, low), word("sûr.", 2)].map((one) => ({
        ...one,
        ...(speakers && { speaker_label: "A" }),
      })),
      ...(speakers && { speaker_label: "A" }),
    },
  });
  for (const speakers of [true, false]) {
    const { finals } = told(final(speakers));
    expect(finals[0]).toMatchObject({ low_confidence: true, words: [{ confidence: 0.75 }, low, {}] });
    const [part, ...others] = finals.flatMap(partsOf);
    expect(others).toEqual([]);
    expect(part?.pieces?.map(({ text }) => text).join("")).toBe("Oui, bien sûr.");
    expect(part?.pieces?.filter(({ doubt }) => doubt)).toEqual([{ text: "bien", doubt: { confidence: 0.25 } }]);
    expect(doubtsOf(finals)).toBe(1);
  }
  const bare = { final: { index: 0, text: "Peut-être.", start_offset: "0s", end_offset: "1s", ...low } };
  expect(told(bare).finals.flatMap(partsOf)).toMatchObject([{ pieces: [{ text: "Peut-être.", doubt: {} }] }]);
});
