import { readFileSync } from "node:fs";
import { create, fromJson, type JsonValue } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { AudioLimitsSchema, FileRecognitionSchema } from "../../gen/passerelle/v1/limits_pb";
import { DEFAULTS, fieldRefusals, fileRefusal, type Options, requestFor, type Task } from "./request";

const WHISPER = { key: "canary", features: ["word_timestamps", "translate", "prompt"] };
const PYANNOTE = { key: "pyannote", features: ["num_speakers", "min_speakers", "max_speakers"] };
const LIMITS = create(AudioLimitsSchema, {
  maxUploadBytes: 1_000_000,
  maxDuration: durationFromMs(3_600_000),
  maxSpeakers: 8,
  maxPromptCharacters: 10,
  maxPhrases: 2,
});

function fields(task: Task, options: Partial<Options>, model = task === "diarize" ? PYANNOTE : WHISPER) {
  return requestFor(task, { ...DEFAULTS, ...options }, model, PYANNOTE).fields;
}

test("sans réglage, seuls le modèle et le fil de l'eau partent", () => {
  expect(fields("transcribe", {})).toEqual({ model: "canary", stream: "true" });
  expect(fields("diarize", {})).toEqual({ model: "pyannote", stream: "true" });
});

test("chaque réglage est un champ du serveur", () => {
  const all = {
    language: "fr",
    translate: true,
    words: true,
    prompt: " Noms ",
    counting: "exact",
    exact: "3",
  } as const;
  expect(fields("speakers", all)).toEqual({
    model: "canary",
    language: "fr",
    task: "translate",
    word_timestamps: "true",
    prompt: "Noms",
    diarize: "true",
    num_speakers: "3",
    stream: "true",
  });
  expect(fields("transcribe", all)).not.toHaveProperty("num_speakers");
  expect(fields("diarize", { counting: "bounds", min: "2", max: "" })).toEqual({
    model: "pyannote",
    min_speakers: "2",
    stream: "true",
  });
});

test("une option que le modèle n'annonce pas ne part pas", () => {
  const bare = { key: "nu", features: ["punctuation"] };
  const all = { translate: true, words: true, prompt: "Noms", punctuation: false };
  expect(fields("transcribe", all, bare)).toEqual({ model: "nu", punctuation: "false", stream: "true" });
  expect(fields("transcribe", { punctuation: false })).not.toHaveProperty("punctuation");
  expect(fields("diarize", { counting: "exact", exact: "3" }, bare)).not.toHaveProperty("num_speakers");
});

test("un fichier trop lourd, trop long ou vide est refusé avec sa limite", () => {
  const refusal = (size: number, duration?: number) =>
    fileRefusal({ file: { name: "a.wav", type: "", size }, ...(duration !== undefined && { duration }) }, LIMITS);
  expect(refusal(1_000_000, 3600)).toBeUndefined();
  expect(refusal(500)).toBeUndefined();
  expect(refusal(2_000_000, 1)).toBe("Fichier refusé : 2,0 Mo, plus que la limite de 1,0 Mo (max_upload_bytes).");
  expect(refusal(500, 7200)).toContain("plus que la limite de 1 h 00 min (max_duration)");
  expect(refusal(0)).toContain("vide");
});

// Règles et cas viennent du serveur (tests/unit/test_file_recognition.py), qui vérifie qu'il les refuserait aussi.
const FILES = JSON.parse(readFileSync("../tests/data/dashboard_files.json", "utf8")) as {
  recognition: JsonValue;
  cases: { name: string; type: string; head: string; refused: boolean }[];
};
const recognition = fromJson(FileRecognitionSchema, FILES.recognition);

test.each(FILES.cases)("$name ($type) : refusé avant tout envoi, $refused", ({ name, type, head, refused }) => {
  const file = { name, type, size: atob(head).length };
  const found = fileRefusal({ file, head: atob(head) }, LIMITS, recognition);
  expect(found?.startsWith("Fichier refusé : ce n'est pas de l'audio connu, on y voit un") ?? false).toBe(refused);
});

test("un contenu inconnu dont on n'a pas lu assez, ou rien, n'est pas refusé", () => {
  const file = { name: "notes.txt", type: "text/plain", size: 1_000_000 };
  for (const head of [undefined, "", "Ceci est un texte."]) {
    expect(fileRefusal({ file, ...(head !== undefined && { head }) }, LIMITS, recognition)).toBeUndefined();
  }
  expect(fileRefusal({ file, head: "a".repeat(recognition.searchedBytes) }, LIMITS, recognition)).toContain(
    "un contenu inconnu",
  );
});

test.each([
  [{ counting: "exact", exact: "9" }, "num_speakers", "de 1 à 8", "9"],
  [{ counting: "exact", exact: "" }, "num_speakers", "de 1 à 8", "rien"],
  [{ counting: "bounds", min: "deux", max: "3" }, "min_speakers", "de 1 à 8", "deux"],
  [{ counting: "bounds", min: "4", max: "3" }, "min_speakers", "max_speakers, 3", "4"],
] as const)(
  "un nombre de locuteurs refusé nomme le champ, la limite et la valeur : %o",
  (options, field, limit, value) => {
    const request = requestFor("diarize", { ...DEFAULTS, ...options }, PYANNOTE, PYANNOTE);
    const found = fieldRefusals(request, LIMITS);
    expect(Object.keys(found)).toEqual([field]);
    expect(found[field]).toContain(field);
    expect(found[field]).toContain(limit);
    expect(found[field]).toContain(`(reçu : ${value})`);
  },
);

test("un contexte trop long se compte en caractères, non en unités de 16 bits", () => {
  const refusals = (prompt: string) =>
    fieldRefusals(requestFor("transcribe", { ...DEFAULTS, prompt }, WHISPER, PYANNOTE), LIMITS);
  expect(refusals("🎉".repeat(10))).toEqual({});
  expect(refusals("🎉".repeat(11)).prompt).toBe("prompt : 10 caractères au plus (reçu : 11).");
});

test("les phrases vont une à une, si le modèle en lit, et se comptent avant de partir", () => {
  const reader = { key: "canary", features: ["phrases"] };
  const sent = fields("transcribe", { phrases: " Diane \n\nCamille" }, reader);
  expect(sent).toMatchObject({ "phrases[0]": "Diane", "phrases[1]": "Camille" });
  expect(fields("transcribe", { phrases: "Diane" })).not.toHaveProperty("phrases[0]");
  const refused = (phrases: string) =>
    fieldRefusals(requestFor("transcribe", { ...DEFAULTS, phrases }, reader, PYANNOTE), LIMITS).phrases;
  expect(refused("Diane")).toBeUndefined();
  expect(refused("a\nb\nc")).toContain("2 au plus (reçu : 3)");
  expect(refused("anticonstitutionnel")).toContain("10 caractères au plus (reçu : 19)");
});
