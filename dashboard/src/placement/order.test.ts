import { expect, test } from "vitest";
import { modelOf } from "../testing/gpuServer";
import { optionsOf, orderOf, parsed } from "./order";

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

test("une option vraie ou fausse est un interrupteur, même sans valeur au profil", () => {
  const model = modelOf({ loadOptions: ["eager", "lora"], loadSwitches: ["eager", "lora"], options: { lora: true } });
  expect(optionsOf(model).map(({ kind, value }) => [kind, value])).toEqual([
    ["boolean", undefined],
    ["boolean", true],
  ]);
  expect(orderOf(model, { options: { eager: "", lora: "true" } }).check.options).toEqual({});
  expect(orderOf(model, { options: { eager: "false", lora: "false" } }).check.options).toEqual({
    eager: false,
    lora: false,
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
