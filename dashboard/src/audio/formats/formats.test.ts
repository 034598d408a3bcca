// Les cas viennent du serveur lui-même : tests/support/dashboard_formats.py les écrit, pytest vérifie qu'ils sont à jour.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { AudioResult } from "../job/events";
import { nameFor, TRANSCRIPT_FILES, TURN_FILES } from "./files";

interface Case {
  name: string;
  json: string;
  files: Record<string, string>;
}

const CASES = JSON.parse(readFileSync("../tests/data/dashboard_formats.json", "utf8")) as Case[];

test.each(CASES)("$name : la page écrit ce que le serveur écrit", ({ json, files }) => {
  const result = JSON.parse(json) as AudioResult;
  const offered = [...TRANSCRIPT_FILES, ...TURN_FILES].filter(({ extension }) => extension in files);
  expect(offered.length).toBeGreaterThanOrEqual(Object.keys(files).length);
  for (const file of offered) expect(file.write(result, json), file.label).toBe(files[file.extension]);
});

test("un fichier téléchargé porte le nom de l'audio", () => {
  const [srt] = TRANSCRIPT_FILES;
  if (!srt) throw new Error("SRT manque");
  expect(nameFor("réunion.du.3.wav", srt)).toBe("réunion.du.3.srt");
  expect(nameFor("sans extension", srt)).toBe("sans extension.srt");
  expect(nameFor(".caché", srt)).toBe(".caché.srt");
});
