// Les cas viennent du serveur : tests/support/dashboard_formats.py les écrit, pytest vérifie les fichiers qu'il en fait.
import { readFileSync } from "node:fs";
import { type JsonValue, toJson } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { DiarizeResponseSchema } from "../../gen/passerelle/v1/diarize_pb";
import { TranscribeResponseSchema } from "../../gen/passerelle/v1/transcribe_pb";
import type { AudioResult } from "../job/send";
import { filesOf, nameFor, typedTranscript, typedTurns } from "./files";

interface Case {
  name: string;
  json: string;
  message: JsonValue;
}

const CASES = JSON.parse(readFileSync("../tests/data/dashboard_formats.json", "utf8")) as Case[];

test.each(CASES)("$name : le message redemandé est celui du résultat", ({ json, message }) => {
  const result = JSON.parse(json) as AudioResult;
  const found = result.turns
    ? toJson(DiarizeResponseSchema, typedTurns(result))
    : toJson(TranscribeResponseSchema, typedTranscript(result));
  expect(found).toEqual(message);
});

test("le texte et le JSON n'ont pas besoin du serveur", () => {
  const [, , txt, json] = filesOf({ id: "r", duration: 1, text: "Bonjour." });
  expect([
    txt?.write({ id: "r", duration: 1, text: "Bonjour." }, ""),
    json?.write({ id: "r", duration: 1 }, "{}"),
  ]).toEqual(["Bonjour.\n", "{}"]);
});

test("un fichier téléchargé porte le nom de l'audio", () => {
  const [srt] = filesOf({ id: "r", duration: 1 });
  if (!srt) throw new Error("SRT manque");
  expect(nameFor("réunion.du.3.wav", srt)).toBe("réunion.du.3.srt");
  expect(nameFor("sans extension", srt)).toBe("sans extension.srt");
  expect(nameFor(".caché", srt)).toBe(".caché.srt");
  expect(nameFor("direct", srt)).toBe("direct.srt");
});
