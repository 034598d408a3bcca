import { create } from "@bufbuild/protobuf";
import type { Theme } from "@mui/material";
import { expect, test } from "vitest";
import { memory } from "../format";
import { GpuVerdictSchema } from "../gen/passerelle/v1/model_verbs_pb";
import { paint } from "../machine/colors";
import { theme } from "../shell/theme";
import { GIB, gpuOf, modelOf, verdictOf } from "../testing/gpuServer";
import { needsOf, type Share, sharesOf } from "./memory";
import { optionsOf, parsed } from "./options";
import { orderOf } from "./order";

test("une saisie fautive est dite sous son champ, et n'est pas envoyée", () => {
  const draft = { options: {}, replicas: "0", idleMinutes: "-1" };
  const { check, load, faults } = orderOf(modelOf(), draft);
  expect(Object.keys(faults)).toEqual(["replicas", "idle_unload"]);
  expect(check).toEqual({ model: "qwen", gpus: [], options: {} });
  expect(load).toEqual(check);
});

test("ce qui n'a pas changé n'est pas envoyé", () => {
  const model = modelOf({ loadOptions: ["share", "len"], options: { share: 0.5 }, loadOptionDefaults: { len: 32768 } });
  expect(orderOf(model, { options: { share: "0,5", len: "" } }).check.options).toEqual({});
  expect(orderOf(model, { options: { share: "0.6" }, idleMinutes: "1,5" }).load).toMatchObject({
    options: { share: 0.6 },
    idleUnload: { seconds: 90n },
  });
});

test("une option sans valeur connue s'écrit en JSON", () => {
  const [option] = optionsOf(modelOf({ loadOptions: ["extra"] }));
  if (!option) throw new Error("option perdue");
  expect(option.kind).toBe("json");
  expect(parsed(option, '{"a": [1]}')).toEqual({ a: [1] });
  expect(parsed(option, "  ")).toBeUndefined();
  expect(() => parsed(option, "vrai")).toThrow("JSON");
});

test("un bail compte pour ce qu'il réserve, ou pour ce qu'il tient s'il dépasse", () => {
  const gpu = gpuOf(0, {
    foreignBytes: GIB,
    leases: [
      { replica: "qwen-0", reservedBytes: 20 * GIB },
      { replica: "qwen-1", reservedBytes: 5 * GIB, exclusive: true },
    ],
    processes: [{ pid: 7, usedBytes: 8 * GIB, replica: "qwen-1" }],
  });
  const shares = sharesOf(gpu, [modelOf()]).map(({ label, bytes }) => `${label} ${memory(bytes)}`);
  expect(shares).toEqual(["qwen-0 20,0 Gio", "qwen-1 (sans partage) 8,0 Gio", "autres programmes 1,0 Gio"]);
});

test("la couleur d'un modèle est celle de la page « Machine », même si une autre clé commence comme la sienne", () => {
  const leases = ["qwen-0", "qwen-3-0"].map((replica) => ({ replica, reservedBytes: GIB }));
  const models = [modelOf(), modelOf({ key: "qwen-3" })];
  const colorOf = ({ tint }: Share) => (typeof tint === "function" ? tint(theme as Theme).color : tint.color);
  expect(sharesOf(gpuOf(0, { leases }), models).map(colorOf)).toEqual([0, 1].map((rank) => paint(rank)(theme).color));
});

test("une part nulle ne se montre pas", () => {
  const parts = needsOf(create(GpuVerdictSchema, verdictOf(0, { weightsBytes: 0 })));
  expect(parts.map((part) => part.label)).toEqual(["cache KV et activations", "réserve"]);
});
