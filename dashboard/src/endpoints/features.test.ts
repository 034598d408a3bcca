import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { FEATURES } from "./texts";

const SERVER = "../server";

/** Textes des fichiers d'un dossier du serveur et de ses pièces. */
function sources(folder: string, ending: string): string[] {
  const names = readdirSync(`${SERVER}/${folder}`, { encoding: "utf8", recursive: true }).filter((name) =>
    name.endsWith(ending),
  );
  return names.map((name) => readFileSync(`${SERVER}/${folder}/${name}`, "utf8"));
}

const quoted = (text: string) => [...text.matchAll(/"(\w+)"/g)].map(([, name]) => name ?? "");

test("tout ce qu'un profil annonce a ses mots", () => {
  const named = sources("profiles", ".toml").flatMap((text) =>
    [...text.matchAll(/^features = \[(.*?)\]/gms)].flatMap(([, list]) => quoted(list ?? "")),
  );
  expect(named).toContain("exclusive_turns");
  expect(named.filter((name) => !FEATURES[name])).toEqual([]);
});

test("tout ce qu'un moteur ouvert annonce a ses mots", () => {
  const bodies = sources("engines", ".py").flatMap((text) =>
    [...text.matchAll(/def features\(self\)(.*?)\n {4}(?:def|@)/gs)].map(([, body]) => body ?? ""),
  );
  const named = bodies.flatMap((body) =>
    [...body.matchAll(/\{("[^}]*)\}|\.add\((".*?")\)/g)].flatMap(([, set, one]) => quoted(set ?? one ?? "")),
  );
  expect(named).toEqual(expect.arrayContaining(["sleep", "punctuation", "num_speakers"]));
  expect(named.filter((name) => !FEATURES[name])).toEqual([]);
});
