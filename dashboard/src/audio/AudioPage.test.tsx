import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { ConnectRouter } from "@connectrpc/connect";
import { configure, fireEvent, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, test, vi } from "vitest";
import { ShownError } from "../api/errors";
import { AdminService, StatusSchema } from "../gen/passerelle/v1/admin_pb";
import { Capability, ModelState } from "../gen/passerelle/v1/model_pb";
import { OperationKind } from "../gen/passerelle/v1/operation_pb";
import { KeptProvider } from "../shell/kept";
import { StatusProvider } from "../status/StatusProvider";
import { show } from "../testing/render";
import { AudioPage } from "./AudioPage";
import type { AudioRequest } from "./job/request";
import type { AudioResult, Step } from "./job/send";
import { AudioSession } from "./job/session";

const CANARY = ["word_timestamps", "translate", "language_detection", "prompt"];
const PYANNOTE = ["num_speakers", "min_speakers", "max_speakers", "exclusive_turns"];
const TURNS = [
  { speaker: "SPEAKER_00", start: 0, end: 3 },
  { speaker: "SPEAKER_01", start: 2.5, end: 4 },
  { speaker: "SPEAKER_00", start: 5, end: 6 },
];
const DIARIZED: AudioResult = { id: "r", duration: 8, turns: TURNS, exclusive_turns: TURNS.slice(0, 2) };

interface Server {
  features?: { canary: string[]; pyannote: string[] };
  state?: ModelState;
}

/** Faux serveur : deux modèles d'audio, et ce qu'ils savent faire. */
function serving({ features = { canary: CANARY, pyannote: PYANNOTE }, state = ModelState.READY }: Server = {}) {
  const audio = { maxUploadBytes: 1000, maxDuration: durationFromMs(60_000), maxSpeakers: 8, maxPromptCharacters: 20 };
  const loading = state === ModelState.LOADING;
  const progress = { phase: "opening", completedBytes: 1e7, totalBytes: 1e7 };
  const operation = { kind: OperationKind.LOAD, progress };
  const model = (key: string, capability: Capability) => ({ key, capability, state, ...(loading && { operation }) });
  return (router: ConnectRouter) => {
    router.service(AdminService, {
      getCapabilities: () => ({
        limits: { audio },
        models: [
          { key: "canary", capability: Capability.TRANSCRIBE, features: features.canary, languages: ["fr", "en"] },
          { key: "pyannote", capability: Capability.DIARIZE, features: features.pyannote },
        ],
      }),
      async *watchStatus(_request, { signal }) {
        const models = [model("canary", Capability.TRANSCRIBE), model("pyannote", Capability.DIARIZE)];
        yield { status: create(StatusSchema, { models }) };
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      },
    });
  };
}

/** La page, sa session, et l'envoi que l'essai mène. */
function desk(server: Server = {}, duration = 8, search = "") {
  const sent: { request: AudioRequest; on: (step: Step) => void; end: () => void; fail: (why: string) => void }[] = [];
  const session = new AudioSession({
    send: (request, _file, signal, on) =>
      new Promise((resolve, reject) => {
        signal.addEventListener("abort", () => reject(new DOMException("annulé", "AbortError")));
        sent.push({ request, on, end: resolve, fail: (why) => reject(new ShownError(why)) });
      }),
    durationOf: async () => duration,
    readWave: async (_file, _duration, on) => on({ state: "absent", why: "long" }),
    now: () => 0,
  });
  const page = (
    <StatusProvider>
      <KeptProvider audio={session}>
        <AudioPage />
      </KeptProvider>
    </StatusProvider>
  );
  const { unmount } = show(page, serving(server), "/", search);
  const last = () => {
    const call = sent.at(-1);
    if (!call) throw new Error("rien n'est parti");
    return call;
  };
  return {
    person: userEvent.setup({ pointerEventsCheck: 0 }),
    session,
    last,
    unmount,
    again: () => show(page, serving(server)),
  };
}

async function choose(person: ReturnType<typeof userEvent.setup>, size = 10) {
  await person.upload(
    await screen.findByTestId("audio-file"),
    new File(["a".repeat(size)], "réunion.wav", { type: "audio/wav" }),
  );
  await screen.findByTestId("audio-name");
}

// La page est grande, et jsdom lent sur une machine chargée.
vi.setConfig({ testTimeout: 60_000 });
configure({ asyncUtilTimeout: 20_000 });

beforeEach(() => {
  URL.createObjectURL = vi.fn(() => "blob:essai");
  URL.revokeObjectURL = vi.fn();
  vi.stubGlobal(
    "ResizeObserver",
    class {
      observe() {}
      disconnect() {}
    },
  );
  // jsdom ne joue rien : l'instant demandé se garde, la lecture se note.
  vi.spyOn(HTMLMediaElement.prototype, "play").mockImplementation(async () => {});
  vi.spyOn(HTMLMediaElement.prototype, "pause").mockImplementation(() => {});
});

test("seules les options annoncées se proposent", async () => {
  const { person } = desk({ features: { canary: ["punctuation"], pyannote: ["num_speakers"] } });
  await screen.findByTestId("audio-punctuation");
  for (const name of ["translate", "words", "prompt"]) expect(screen.queryByTestId(`audio-${name}`)).toBeNull();
  expect(screen.getByTestId("audio-language").textContent).not.toContain("Détection automatique");
  await person.click(screen.getByTestId("audio-task-diarize"));
  const counting = screen.getByTestId("audio-counting");
  expect(
    within(counting)
      .getAllByRole("option")
      .map((option) => option.textContent),
  ).toEqual(["Automatique", "Exact"]);
  expect(screen.queryByTestId("audio-exclusive")).toBeNull();
});

test("un fichier ou un réglage hors limites se dit avant tout envoi", async () => {
  const { person } = desk({}, 90);
  await choose(person, 2000);
  expect((await screen.findByTestId("audio-refused")).textContent).toContain("max_upload_bytes");
  await choose(person, 10);
  await waitFor(() => expect(screen.getByTestId("audio-refused").textContent).toContain("max_duration"));
  expect(screen.getByTestId("audio-run")).toHaveProperty("disabled", true);
  await person.click(screen.getByTestId("audio-task-diarize"));
  await person.selectOptions(screen.getByTestId("audio-counting"), "exact");
  await person.type(screen.getByTestId("audio-exact"), "9");
  expect(screen.getByTestId("audio-count-help").textContent).toBe(
    "num_speakers : un entier de 1 à 8 est attendu (reçu : 9).",
  );
});

test("une transcription s'écrit à mesure, et reste quand on change de page", async () => {
  const { person, last, unmount, again } = desk();
  await choose(person);
  await person.selectOptions(screen.getByTestId("audio-language"), "fr");
  await person.click(screen.getByTestId("audio-run"));
  expect(last().request.fields).toEqual({ model: "canary", language: "fr", stream: "true" });
  last().on({ type: "sent", bytes: 5, total: 10 });
  expect((await screen.findByText("5 o sur 10 o")).textContent).toBeTruthy();
  last().on({ type: "sent", bytes: 10, total: 10 });
  const segment = { index: 0, start: 0, end: 2, text: "Bonjour à tous." };
  last().on({ type: "segment", segment });
  await screen.findByText("Bonjour à tous.");
  unmount();
  last().on({ type: "segment", segment: { index: 1, start: 2, end: 4, text: "Au revoir." } });
  again();
  await screen.findByText("Au revoir.");
  last().on({ type: "result", result: { id: "r", duration: 8, language: "fr", segments: [segment] }, json: "{}" });
  last().end();
  expect((await screen.findByTestId("audio-end")).textContent).toContain("français");
  expect(screen.getAllByTestId("audio-passage")).toHaveLength(1);
  for (const name of ["srt", "vtt", "txt", "json"]) screen.getByTestId(`audio-download-${name}`);
});

test("une diarisation montre voix, recouvrement et temps de parole ; on renomme, on joue, on affine", async () => {
  const { person, last } = desk();
  await choose(person);
  await person.click(await screen.findByTestId("audio-task-diarize"));
  await person.click(screen.getByTestId("audio-run"));
  last().on({ type: "result", result: DIARIZED, json: "{}" });
  last().end();
  const lanes = await screen.findAllByTestId("audio-lane");
  expect(lanes.map((lane) => lane.textContent)).toEqual([
    "SPEAKER_004 s · 73 % · 2 tours",
    "SPEAKER_012 s · 27 % · 1 tour",
  ]);
  expect(screen.getByTestId("audio-overlaps").textContent).toBe("Paroles simultanées · 1 s");
  expect(screen.getByTestId("audio-wave-note").textContent).toContain("Onde non dessinée");

  await person.click(screen.getByLabelText("Renommer SPEAKER_01"));
  await person.keyboard("Diane{Enter}");
  expect(screen.getAllByTestId("audio-passage")[1]?.textContent).toContain("Diane");

  const audio = screen.getByTestId<HTMLAudioElement>("audio-player");
  await person.click(screen.getByLabelText("Diane, de 0:02,5 à 0:04,0"));
  expect([audio.currentTime, vi.mocked(audio.play).mock.calls.length]).toEqual([2.5, 1]);
  // Au clavier : la flèche va au passage suivant, Entrée le joue.
  screen.getAllByLabelText(/Lire depuis/)[0]?.focus();
  await person.keyboard("{ArrowDown}{ArrowDown}{Enter}");
  expect(audio.currentTime).toBe(5);
  screen.getByTestId("audio-wave").focus();
  await person.keyboard("{ArrowLeft}");
  expect(audio.currentTime).toBe(0);

  await person.click(screen.getByTestId("audio-exclusive"));
  expect(screen.getAllByTestId("audio-passage")).toHaveLength(2);
  screen.getByTestId("audio-download-rttm");
});

test("on annule, et le refus du serveur se lit", async () => {
  const { person, session, last } = desk();
  await choose(person);
  await person.click(await screen.findByTestId("audio-run"));
  await person.click(await screen.findByTestId("audio-cancel"));
  await screen.findByTestId("audio-cancelled");
  expect(session.state.job?.state).toBe("cancelled");
  expect(last().request.path).toBe("/api/audio/transcribe");
});

test("un travail se suit, échoue et finit à côté du bouton qui l'a lancé", async () => {
  const { person, last } = desk();
  const beside = async (name: string) => within(await screen.findByTestId("action-bar")).findByTestId(name);
  expect((await beside("audio-blocked")).textContent).toBe("Choisissez d'abord un fichier.");
  await choose(person);
  await person.click(await beside("audio-run"));
  const bars = async () =>
    within(await beside("audio-progress"))
      .getAllByRole("progressbar")
      .map((bar) => bar.getAttribute("aria-label"));
  expect(await bars()).toEqual(["Envoi"]);
  last().on({ type: "sent", bytes: 10, total: 10 });
  last().on({ type: "progress", stage: "decoding", completed_ratio: 1 });
  await waitFor(async () => expect(await bars()).toEqual(["Le serveur achève le travail"]));
  last().on({ type: "progress", stage: "recognition", completed_ratio: 0.5 });
  await waitFor(async () => expect(await bars()).toEqual(["Reconnaissance"]));
  last().fail("Le modèle est tombé.");
  expect((await beside("audio-failure")).textContent).toBe("Le modèle est tombé.");
  await person.click(await beside("audio-run"));
  expect(screen.queryByTestId("audio-failure")).toBeNull();
  last().on({ type: "result", result: { id: "r", duration: 8, segments: [] }, json: "{}" });
  last().end();
  expect((await beside("audio-done")).textContent).toContain("Terminé : 0 passage.");
});

test("la requête montrée est celle du travail montré ; la prochaine se regarde à part", async () => {
  const { person, last } = desk();
  await choose(person);
  const help = async () => (await screen.findByTestId("audio-snippets-help")).textContent;
  const code = () => screen.getByTestId("snippet-code").textContent;
  expect(await help()).toContain("La prochaine requête");
  await person.selectOptions(screen.getByTestId("audio-language"), "fr");
  expect(code()).toContain("'language=fr'");
  await person.click(screen.getByTestId("audio-run"));
  last().on({ type: "result", result: { id: "r", duration: 8, segments: [] }, json: "{}" });
  last().end();
  await screen.findByTestId("audio-end");
  expect(await help()).toContain("La requête envoyée");
  expect(screen.queryByTestId("audio-snippets-next")).toBeNull();

  await person.selectOptions(screen.getByTestId("audio-language"), "en");
  await person.click(screen.getByTestId("audio-task-diarize"));
  expect(code()).toContain("/api/audio/transcribe");
  expect(code()).toContain("'language=fr'");
  await person.click(screen.getByTestId("audio-snippets-next"));
  expect(code()).toContain("/api/diarization/process");
  expect(screen.getByRole("button", { name: "Prochaine requête", pressed: true })).toBeTruthy();
  await person.click(screen.getByTestId("audio-run"));
  expect(await help()).toContain("La requête envoyée");
  expect(code()).toContain("/api/diarization/process");
});

test("un double-clic lance sans annuler, annule sans relancer ; une touche annule", async () => {
  const { person, session, last } = desk();
  await choose(person);
  await person.dblClick(await screen.findByTestId("audio-run"));
  expect(session.state.job?.state).toBe("running");
  (await screen.findByTestId("audio-cancel")).focus();
  await person.keyboard("{Enter}");
  await screen.findByTestId("audio-cancelled");
  const first = last();
  fireEvent.click(await screen.findByTestId("audio-run"), { detail: 2 });
  expect(last()).toBe(first);
});

test("renommer au clavier, ou y renoncer, rend le clavier au crayon", async () => {
  const { person, last } = desk();
  await choose(person);
  await person.click(await screen.findByTestId("audio-task-diarize"));
  await person.click(screen.getByTestId("audio-run"));
  last().on({ type: "result", result: DIARIZED, json: "{}" });
  last().end();
  (await screen.findByLabelText("Renommer SPEAKER_01")).focus();
  await person.keyboard("{Enter}Diane{Enter}");
  expect(document.activeElement?.getAttribute("aria-label")).toBe("Renommer Diane");
  await person.keyboard("{Enter}Zoé{Escape}");
  expect(document.activeElement?.getAttribute("aria-label")).toBe("Renommer Diane");
});

test("la tabulation entre encore dans une liste que l'absence de recouvrement a raccourcie", async () => {
  const { person, last } = desk();
  await choose(person);
  await person.click(await screen.findByTestId("audio-task-diarize"));
  await person.click(screen.getByTestId("audio-run"));
  last().on({ type: "result", result: DIARIZED, json: "{}" });
  last().end();
  const reachable = () =>
    screen.getAllByLabelText(/^Lire depuis|^SPEAKER_00, de/).filter(({ tabIndex }) => tabIndex === 0);
  (await screen.findAllByLabelText(/Lire depuis/)).at(-1)?.focus();
  screen
    .getAllByLabelText(/^SPEAKER_00, de/)
    .at(-1)
    ?.focus();
  expect(reachable()).toHaveLength(2);
  await person.click(screen.getByTestId("audio-exclusive"));
  expect(screen.getAllByTestId("audio-passage")).toHaveLength(2);
  expect(reachable()).toHaveLength(2);
});

test("un fichier se dépose n'importe où dans la page, sauf pendant un travail", async () => {
  const { person } = desk();
  await screen.findByTestId("audio-run");
  const drop = (name: string) => {
    const dataTransfer = { types: ["Files"], files: [new File(["a"], name)] };
    fireEvent.dragOver(window, { dataTransfer });
    // Faux : la page a pris l'événement, que le navigateur ne suivra pas.
    expect(fireEvent.drop(window, { dataTransfer })).toBe(false);
  };
  drop("premier.wav");
  expect((await screen.findByTestId("audio-name")).textContent).toBe("premier.wav");
  await person.click(screen.getByTestId("audio-run"));
  await screen.findByTestId("audio-cancel");
  drop("second.wav");
  expect(screen.getByTestId("audio-name").textContent).toBe("premier.wav");
});

test("le chargement d'un modèle se suit", async () => {
  desk({ state: ModelState.LOADING });
  const shown = await screen.findByTestId("audio-operation");
  expect(shown.textContent).toBe("Chargement : ouverture du modèle");
  // Les octets d'un téléchargement fini ne disent rien d'un chargement.
  expect(within(shown).getByRole("progressbar").getAttribute("aria-valuenow")).toBeNull();
});

test.each([
  ["canary", "transcribe"],
  ["pyannote", "diarize"],
])("« Essayer » %s ouvre la page sur ce qu'il fait", async (key, task) => {
  const { session } = desk({}, 8, `modele=${key}`);
  await waitFor(() => expect(session.state.task).toBe(task));
});
