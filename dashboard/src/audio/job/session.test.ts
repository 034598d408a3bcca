import { beforeEach, expect, test, vi } from "vitest";
import { ShownError } from "../../api/errors";
import type { AudioRequest } from "./request";
import type { Step } from "./send";
import { AudioSession, type Tools } from "./session";

const REQUEST: AudioRequest = { task: "transcribe", path: "/api/audio/transcribe", fields: { model: "m" } };
const FILE = new File(["abcd"], "réunion.wav");
const SEGMENT = { index: 0, start: 0, end: 1, text: "Bonjour." };

beforeEach(() => {
  URL.createObjectURL = vi.fn(() => "blob:essai");
  URL.revokeObjectURL = vi.fn();
});

/** Session dont l'essai mène l'envoi. */
function driven(tools: Partial<Tools> = {}) {
  const calls: { on: (step: Step) => void; signal: AbortSignal; resolve: () => void; reject: (e: Error) => void }[] =
    [];
  let time = 0;
  const session = new AudioSession({
    send: (_request, _file, signal, on) =>
      new Promise((resolve, reject) => {
        signal.addEventListener("abort", () => reject(new DOMException("annulé", "AbortError")));
        calls.push({ on, signal, resolve, reject });
      }),
    durationOf: async () => 2,
    readWave: async (_file, duration = 0, on) => on({ state: "ready", peaks: new Float32Array(1), duration }),
    now: () => {
      time += 1500;
      return time;
    },
    ...tools,
  });
  const last = () => {
    const call = calls.at(-1);
    if (!call) throw new Error("rien n'a été envoyé");
    return call;
  };
  return { session, last, calls };
}

test("le travail se suit de l'envoi au résultat", async () => {
  const { session, last } = driven();
  await session.choose(FILE);
  expect(session.state.source).toMatchObject({ duration: 2, wave: { state: "ready" } });
  const end = session.start(REQUEST);
  last().on({ type: "sent", bytes: 2, total: 4 });
  last().on({ type: "progress", stage: "decoding", completed_ratio: 0.8 });
  last().on({ type: "progress", stage: "decoding", completed_ratio: 0.3 });
  last().on({ type: "progress", stage: "recognition" });
  last().on({ type: "segment", segment: SEGMENT });
  expect(session.state.job).toMatchObject({
    state: "running",
    sent: 2,
    total: 4,
    stages: [
      { name: "decoding", ratio: 0.8 },
      { name: "recognition", ratio: undefined },
    ],
    segments: [SEGMENT],
  });
  last().on({ type: "result", result: { id: "r", duration: 2, segments: [SEGMENT] }, json: "{}" });
  last().resolve();
  await end;
  expect(session.state.job).toMatchObject({ state: "done", json: "{}", elapsed: 1.5 });
});

test("un segment se montre avant son locuteur, puis le terminé le remplace", async () => {
  const { session, last } = driven();
  await session.choose(FILE);
  void session.start(REQUEST);
  const drafts = [0, 2, 4].map((start, index) => ({ index, start, end: start + 2, text: `Phrase ${index}.` }));
  for (const segment of drafts) last().on({ type: "draft", segment });
  expect(session.state.job?.segments).toEqual(drafts);
  const shown = () => session.state.job?.segments.map(({ start, speaker = "?" }) => `${start} ${speaker}`);
  // La première phrase est de deux voix : la première moitié ne retire pas encore ce qui l'annonçait.
  const segment = { index: 0, start: 0, end: 1, text: "Phrase", speaker: "A" };
  last().on({ type: "segment", segment });
  expect(shown()).toEqual(["0 A", "0 ?", "2 ?", "4 ?"]);
  last().on({ type: "segment", segment: { ...segment, index: 1, start: 1, end: 2, text: "0.", speaker: "B" } });
  expect(shown()).toEqual(["0 A", "1 B", "2 ?", "4 ?"]);
  last().on({ type: "result", result: { id: "r", duration: 6, segments: [segment] }, json: "{}" });
  expect(shown()).toEqual(["0 A"]);
});

test("annuler abandonne l'envoi, et rien n'arrive plus", async () => {
  const { session, last } = driven();
  await session.choose(FILE);
  const end = session.start(REQUEST);
  session.cancel();
  expect(last().signal.aborted).toBe(true);
  last().on({ type: "segment", segment: SEGMENT });
  await end;
  expect(session.state.job).toMatchObject({ state: "cancelled", segments: [] });
});

test("un refus du serveur se montre tel quel, une panne en français", async () => {
  const { session, last } = driven();
  await session.choose(FILE);
  for (const [error, shown] of [
    [new ShownError("File pleine."), "File pleine."],
    [new TypeError("Failed to fetch"), "ne répond pas"],
  ] as const) {
    const end = session.start(REQUEST);
    last().reject(error);
    await end;
    expect(session.state.job?.state).toBe("failed");
    expect(session.state.job?.failure).toContain(shown);
  }
});

test("changer de fichier arrête le travail du précédent et oublie son résultat", async () => {
  const { session, calls } = driven();
  await session.choose(FILE);
  const end = session.start(REQUEST);
  session.rename("A", "Diane");
  await session.choose(new File(["b"], "autre.wav"));
  expect(calls[0]?.signal.aborted).toBe(true);
  expect(URL.revokeObjectURL).toHaveBeenCalledTimes(1);
  expect(session.state).toMatchObject({ source: { file: { name: "autre.wav" } }, names: {} });
  expect(session.state.job).toBeUndefined();
  // Le nouveau travail n'attend pas l'ancien, dont la fin ne le touche pas.
  void session.start(REQUEST);
  await end;
  expect(session.state.job?.state).toBe("running");
});

test("un seul travail à la fois", async () => {
  const { session, calls } = driven();
  await session.choose(FILE);
  void session.start(REQUEST);
  void session.start(REQUEST);
  expect(calls).toHaveLength(1);
});

test("la durée d'un fichier déjà remplacé n'est pas celle du nouveau", async () => {
  const answers: ((duration: number) => void)[] = [];
  const { session } = driven({ durationOf: () => new Promise((resolve) => answers.push(resolve)) });
  const first = session.choose(FILE);
  const second = session.choose(new File(["b"], "autre.wav"));
  answers[1]?.(5);
  answers[0]?.(9);
  await Promise.all([first, second]);
  expect(session.state.source).toMatchObject({ file: { name: "autre.wav" }, duration: 5 });
});
