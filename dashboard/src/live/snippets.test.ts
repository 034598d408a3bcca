import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { ModelCapabilitiesSchema } from "../gen/passerelle/v1/limits_pb";
import { filled } from "./capture/chunker";
import { configFor } from "./session/socket";
import { snippetsOf } from "./snippets";

const canary = create(ModelCapabilitiesSchema, { key: 'ca"nary', languages: ["fr"], features: [] });

test("un serveur sans clé n'en montre pas, et HTTPS mène à wss et à un canal sûr", () => {
  const target = { base: "https://gpu.example", keyed: false };
  const { curl = "", python = "", node = "", grpc = "" } = snippetsOf(configFor(canary, "fr", 48000), target);
  expect(curl).toContain("'https://gpu.example/api/audio/transcribe'");
  expect(curl).toContain("'language=fr'");
  for (const text of [python, node]) expect(text).toContain('"wss://gpu.example/ws/transcribe"');
  expect(grpc).toContain('grpc.secure_channel("gpu.example:443"');
  expect(curl).not.toContain("PASSERELLE_KEY");
  for (const text of [python, node, grpc]) {
    // La fréquence est celle du fichier, non du microphone.
    expect(text).not.toContain("48000");
    expect(text).not.toContain("PASSERELLE_KEY");
    expect(text).toContain('"ca\\"nary"');
    expect(text).toContain('"fr"');
  }
});

test("avec une clé, elle vient de l'environnement ; une langue que le modèle ignore ne part pas", () => {
  const snippets = snippetsOf(configFor(canary, "xx", 48000), { base: "http://127.0.0.1:8000", keyed: true });
  for (const text of Object.values(snippets)) {
    expect(text).toContain("PASSERELLE_KEY");
    expect(text).not.toMatch(/["=]xx/);
  }
});

test("les locuteurs demandés sont dans chaque extrait", () => {
  const target = { base: "http://127.0.0.1:8000", keyed: false };
  const dated = create(ModelCapabilitiesSchema, { key: "canary", features: ["word_timestamps"] });
  const { curl = "", ...streams } = snippetsOf(configFor(dated, "", 48000, true), target);
  expect(curl).toContain("'diarize=true'");
  for (const text of Object.values(streams)) expect(text).toContain("diarization");
  // Un modèle qui ne date pas ses mots refuserait la demande entière.
  for (const text of Object.values(snippetsOf(configFor(canary, "", 48000, true), target)))
    expect(text).not.toMatch(/diari/);
});

test("la jauge suit l'oreille : vide au silence, pleine à l'écrêtage", () => {
  expect([filled(0), filled(1)]).toEqual([0, 1]);
  expect(filled(0.1)).toBeGreaterThan(0.5);
});

test("les phrases vont dans chaque extrait, si le modèle en lit", () => {
  const target = { base: "http://127.0.0.1:8000", keyed: true };
  const reader = create(ModelCapabilitiesSchema, { key: "canary", languages: ["fr"], features: ["phrases"] });
  for (const [model, told] of [
    [reader, true],
    [canary, false],
  ] as const) {
    const snippets = snippetsOf(configFor(model, "fr", 48000, false, "Passerelle\n\n Diane \n"), target);
    for (const [name, text] of Object.entries(snippets)) {
      expect(String(text).includes("Diane"), name).toBe(told);
    }
  }
});
