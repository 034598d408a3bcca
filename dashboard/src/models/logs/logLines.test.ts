import { expect, test } from "vitest";
import { append, MAX_LINES, matching, readLine } from "./logLines";

const EVENT = JSON.stringify({
  time: "2026-05-04T10:00:00.123+00:00",
  level: "info",
  logger: "server.worker.main",
  event: "model_ready",
  process_name: "qwen-0",
  seconds: 1.5,
  device: "cpu",
});

test("un événement se lit, une ligne libre passe telle quelle", () => {
  const read = readLine(EVENT, 0);
  expect(read).toMatchObject({ level: "info", text: "model_ready seconds=1.5 device=cpu", raw: EVENT });
  expect(read.time).toMatch(/^\d\d:00:00$/);
  for (const raw of ["llama_load: 12 %", "{abîmé", '{"event":1}', '{"event":"x","time":"hier"}', ""]) {
    expect(readLine(raw, 3)).toEqual({ id: 3, raw, time: "", level: "", text: raw });
  }
});

test("les plus anciennes lignes cèdent la place, et chacune garde son rang", () => {
  const first = append(
    [],
    Array.from({ length: MAX_LINES }, (_, rank) => `ligne ${rank}`),
  );
  const all = append(first, ["une", "deux"]);
  expect(all).toHaveLength(MAX_LINES);
  expect(all[0]?.raw).toBe("ligne 2");
  expect(all.at(-1)).toMatchObject({ raw: "deux", id: MAX_LINES + 1 });
  expect(all.at(-3)?.id).toBe(MAX_LINES - 1);
});

test("le filtre ignore la casse, et lit aussi ce que la ligne ne montre pas", () => {
  const lines = append([], [EVENT, "Autre chose"]);
  expect(matching(lines, " MODEL_ready ")).toHaveLength(1);
  expect(matching(lines, "server.worker")).toHaveLength(1);
  expect(matching(lines, "")).toHaveLength(2);
  expect(matching(lines, "absent")).toHaveLength(0);
});
