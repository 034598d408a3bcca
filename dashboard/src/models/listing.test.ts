import { expect, test } from "vitest";
import { Capability, ModelState } from "../gen/passerelle/v1/model_pb";
import { grouped, matching } from "./model";
import { modelOf } from "./testing";

const MODELS = [
  modelOf({ key: "petit", displayName: "SmolLM2", capability: Capability.CHAT, engine: "llamacpp" }),
  modelOf({ key: "canary", displayName: "NVIDIA Canary", capability: Capability.TRANSCRIBE, aliases: ["whisper-1"] }),
  modelOf({ key: "qwen", capability: Capability.CHAT, state: ModelState.CACHED }),
  modelOf({ key: "voix", capability: Capability.DIARIZE }),
];

test.each([
  ["", "petit canary qwen voix"],
  ["  ", "petit canary qwen voix"],
  ["SMOL", "petit"],
  ["whisper", "canary"],
  ["conversation", "petit qwen"],
  ["telecharge", "qwen"],
  ["Téléchargé conversation", "qwen"],
  ["llamacpp", "petit"],
  ["essai/qwen", "petit canary qwen voix"],
  ["rien de tel", ""],
])("« %s » trouve « %s »", (wanted, keys) => {
  expect(
    matching(MODELS, wanted)
      .map(({ key }) => key)
      .join(" "),
  ).toBe(keys);
});

test("les modèles se rangent par capacité, et gardent l'ordre du profil", () => {
  const shown = grouped(MODELS).map(([capability, models]) => [capability, models.map(({ key }) => key).join(" ")]);
  expect(shown).toEqual([
    [Capability.CHAT, "petit qwen"],
    [Capability.TRANSCRIBE, "canary"],
    [Capability.DIARIZE, "voix"],
  ]);
});
