import { create, type DescMessage } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { LimitsSchema } from "../gen/passerelle/v1/limits_pb";
import { LIMITS } from "./limits";

/** Champs d'un message, ceux de ses messages compris ; une durée compte pour un. */
function leaves(schema: DescMessage): number {
  return schema.fields.reduce((sum, field) => {
    const inner = field.fieldKind === "message" && !field.message.typeName.startsWith("google.");
    return sum + (inner ? leaves(field.message) : 1);
  }, 0);
}

const limits = create(LimitsSchema, {
  maxJsonBodyBytes: 67_108_864,
  loadWait: { seconds: 120n },
  maxIdleUnload: { seconds: 2_592_000n },
  chat: { maxTokens: 32_768 },
  audio: { maxSampleRateHertz: 192_000, endpointSilence: { nanos: 600_000_000 } },
});

test("chaque limite du contrat a sa ligne", () => {
  expect(LIMITS.flatMap(([, rows]) => rows).length).toBe(leaves(LimitsSchema));
});

test("chaque ligne lit une limite à elle", () => {
  const read = new Map<string, string>();
  for (const [family, rows] of LIMITS) {
    for (const [label, value] of rows) {
      const touched: string[] = [];
      const spy = (target: object, prefix: string): object =>
        new Proxy(target, {
          get: (_target, name) => {
            const path = `${prefix}${String(name)}`;
            if (path === "chat" || path === "audio") return spy({}, `${path}.`);
            touched.push(path);
            return undefined;
          },
        });
      value(spy({}, "") as typeof limits);
      const path = touched.at(0) ?? "";
      expect(read.get(path), `${family}, ${label} : ${path}`).toBeUndefined();
      read.set(path, label);
    }
  }
});

test("une limite se lit dans son unité", () => {
  const shown = new Map(LIMITS.flatMap(([, rows]) => rows.map(([label, value]) => [label, value(limits)])));
  const plain = (label: string) => shown.get(label)?.replace(/[\u202f\u00a0]/g, " ");
  expect(plain("Corps d'une requête JSON, au plus")).toBe("67 Mo (67 108 864 octets)");
  expect(plain("Attente d'un chargement, au moins")).toBe("2 min 00 s");
  expect(plain("Temps sans requête avant déchargement, au plus")).toBe("30 j");
  expect(plain("Jetons produits par réponse, au plus")).toBe("32 768");
  expect(plain("Fréquence d'échantillonnage, au plus")).toBe("192 000 Hz");
  expect(plain("Silence qui clôt une phrase, par défaut")).toBe("0,6 s");
});
