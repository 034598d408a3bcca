import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { ModelCapabilitiesSchema } from "../gen/passerelle/v1/admin_pb";
import { snippetsOf } from "./snippets";
import { filled } from "./view/Meter";

const canary = create(ModelCapabilitiesSchema, { key: 'ca"nary', languages: ["fr"], features: [] });

test("un serveur sans clé n'en montre pas, et HTTPS mène à wss et à un canal sûr", () => {
  const { python = "", node = "", grpc = "" } = snippetsOf(canary, "fr", { base: "https://gpu.example", keyed: false });
  for (const text of [python, node]) expect(text).toContain('"wss://gpu.example/ws/transcribe"');
  expect(grpc).toContain('grpc.secure_channel("gpu.example:443"');
  for (const text of [python, node, grpc]) {
    expect(text).not.toContain("PASSERELLE_KEY");
    expect(text).toContain('"ca\\"nary"');
    expect(text).toContain('"fr"');
  }
});

test("avec une clé, elle vient de l'environnement ; une langue que le modèle ignore ne part pas", () => {
  const snippets = snippetsOf(canary, "xx", { base: "http://127.0.0.1:8000", keyed: true });
  for (const text of Object.values(snippets)) {
    expect(text).toContain("PASSERELLE_KEY");
    expect(text).not.toContain('"xx"');
  }
});

test("la jauge suit l'oreille : vide au silence, pleine à l'écrêtage", () => {
  expect([filled(0), filled(1)]).toEqual([0, 1]);
  expect(filled(0.1)).toBeGreaterThan(0.5);
});
