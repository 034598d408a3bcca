import { create, fromJson, type JsonValue } from "@bufbuild/protobuf";
import { act, fireEvent, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { AdminService, StatusSchema } from "../gen/passerelle/v1/admin_pb";
import {
  AudioLimitsSchema,
  GetCapabilitiesResponseSchema,
  ModelCapabilitiesSchema,
} from "../gen/passerelle/v1/limits_pb";
import { Capability, ModelState } from "../gen/passerelle/v1/model_pb";
import { type StreamTranscribeConfig, StreamTranscribeResponseSchema } from "../gen/passerelle/v1/transcribe_pb";
import { KeptProvider } from "../shell/kept";
import { StatusProvider } from "../status/StatusProvider";
import { show } from "../testing/render";
import type { Listener } from "./capture/microphone";
import { MicrophoneProblem } from "./capture/microphone";
import { LivePage } from "./LivePage";
import { LiveSession } from "./session/session";
import type { SocketListener } from "./session/socket";
import { T } from "./texts";

const model = { key: "canary", displayName: "Canary", capability: Capability.TRANSCRIBE };
const diarizer = { key: "pyannote", displayName: "pyannote", capability: Capability.DIARIZE };

/** Un navigateur et un serveur tenus à la main. */
class Rig {
  clock = 0;
  listener!: Listener;
  server!: SocketListener;
  config!: StreamTranscribeConfig;
  sent: number[] = [];
  said: string[] = [];
  stopped = 0;
  refusal: Error | undefined;
  unopenable: Error | undefined;
  accepts = true;
  waits: number[] = [];
  next = () => {};

  readonly session = new LiveSession({
    microphone: async (_device, _rates, listener) => {
      if (this.refusal) throw this.refusal;
      this.listener = listener;
      return {
        rate: 48000,
        stop: async () => {
          this.stopped += 1;
        },
      };
    },
    socket: (config, listener) => {
      if (this.unopenable) throw this.unopenable;
      this.config = config;
      this.server = listener;
      return {
        send: (pcm) => {
          this.sent.push(pcm.byteLength);
          return this.accepts;
        },
        end: () => this.said.push("end"),
        close: () => this.said.push("close"),
      };
    },
    now: () => this.clock,
    later: (delay, action) => {
      this.waits.push(delay);
      this.next = action;
    },
  });

  hear(size = 9600) {
    act(() => this.listener.heard({ pcm: new ArrayBuffer(size), peak: 0.5 }));
  }

  tell(event: JsonValue) {
    act(() => this.server.event(fromJson(StreamTranscribeResponseSchema, event)));
  }
}

const LIMITS = { minSampleRateHertz: 8000, maxSampleRateHertz: 192000, maxPhrases: 1, maxPromptCharacters: 20 };

function open(rig: Rig, path = "/essayer/micro", features = ["word_timestamps"]) {
  return show(
    <StatusProvider>
      <KeptProvider live={rig.session}>
        <LivePage />
      </KeptProvider>
    </StatusProvider>,
    ({ service }) => {
      service(AdminService, {
        async *watchStatus(_request, { signal }) {
          const models = [model, diarizer].map((one) => ({ ...one, state: ModelState.READY }));
          yield { status: create(StatusSchema, { models }) };
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
        },
        getCapabilities: () =>
          create(GetCapabilitiesResponseSchema, {
            models: [{ ...model, languages: ["fr", "en"], features }],
            limits: { audio: create(AudioLimitsSchema, LIMITS) },
          }),
      });
    },
    path,
  );
}

async function ready(rig: Rig, path?: string) {
  const shown = open(rig, path);
  await waitFor(() => expect(screen.getByTestId<HTMLButtonElement>("live-start").disabled).toBe(false));
  return shown;
}

async function started(rig: Rig) {
  await ready(rig);
  fireEvent.change(screen.getByTestId("live-language"), { target: { value: "fr" } });
  fireEvent.click(screen.getByTestId("live-start"));
  await waitFor(() => expect(rig.session.state.phase).toBe("connecting"));
}

beforeEach(() => {
  vi.stubGlobal("fetch", () => Promise.resolve(new Response("{}")));
  const mediaDevices = Object.assign(new EventTarget(), { getUserMedia: () => {}, enumerateDevices: async () => [] });
  Object.defineProperty(navigator, "mediaDevices", { value: mediaDevices, configurable: true });
});

afterEach(() => {
  vi.unstubAllGlobals();
  Reflect.deleteProperty(navigator, "mediaDevices");
});

test("un flux que le serveur coupe est repris dans un autre, sans trou ni redite", async () => {
  const rig = new Rig();
  await started(rig);
  rig.tell({ ready: { id: "r1", model: "canary" } });
  for (let count = 0; count < 4; count += 1) rig.hear();
  rig.tell({ final: { index: 0, text: "Un.", startOffset: "0.050s", endOffset: "0.100s" } });
  rig.tell({ final: { index: 1, text: "De", startOffset: "0.250s", endOffset: "0.400s", cut: true } });
  rig.tell({ summary: { coverage: { coveredDuration: "0.400s" }, resumeSample: "12000" } });
  rig.sent = [];
  act(() => rig.server.closed("Le serveur s'arrête.", 12000));
  expect(rig.config.resumeSample).toBe(12000n);
  expect(rig.sent).toEqual([2 * (14400 - 12000), 9600]);
  expect(rig.session.state).toMatchObject({ phase: "listening", failure: undefined });
  rig.hear();
  rig.tell({ ready: { id: "r2", model: "canary" } });
  rig.tell({ final: { index: 0, text: "Deux.", startOffset: "0.250s", endOffset: "0.450s" } });
  fireEvent.click(screen.getByTestId("live-stop"));
  rig.tell({ summary: { coverage: { coveredDuration: "0.250s" } } });
  act(() => rig.server.closed(undefined));
  const { transcript, phase, failure } = rig.session.state;
  expect(transcript.finals.map(({ index, text }) => [index, text])).toEqual([
    [0, "Un."],
    [1, "Deux."],
  ]);
  expect(transcript.duration).toBe(0.5);
  expect([phase, failure, rig.stopped]).toEqual(["done", undefined, 1]);
});

test("un flux qui ne se rouvre pas dit ce qui l'a coupé ; un flux toujours coupé n'est pas repris sans fin", async () => {
  const rig = new Rig();
  await started(rig);
  rig.tell({ ready: { id: "r1", model: "canary" } });
  act(() => rig.server.closed("Le serveur s'arrête.", 0));
  for (let count = 0; count < 7; count += 1) {
    expect(screen.getByTestId("live-phase").textContent).toContain(T.resuming);
    act(() => rig.next());
    act(() => rig.server.closed(T.problems.unreachable, undefined, true));
  }
  expect(rig.waits).toEqual([500, 1000, 2000, 4000, 8000, 8000]);
  expect(rig.session.state).toMatchObject({ phase: "done", failure: "Le serveur s'arrête.", resuming: false });
  expect(rig.stopped).toBe(1);
  fireEvent.click(screen.getByTestId("live-start"));
  await waitFor(() => expect(rig.session.state.phase).toBe("connecting"));
  for (let count = 0; count < 8; count += 1) {
    expect(rig.session.state.phase).not.toBe("done");
    act(() => rig.server.closed("Exemplaire perdu.", 0));
    act(() => rig.next());
  }
  expect(rig.session.state).toMatchObject({ phase: "done", failure: "Exemplaire perdu." });
});

test("un flux rompu sans un mot se reprend de ce qu'aucune phrase n'a pris ; jamais ouvert, il ne se reprend pas", async () => {
  const rig = new Rig();
  await started(rig);
  rig.tell({ ready: { id: "r1", model: "canary" } });
  for (let count = 0; count < 4; count += 1) rig.hear();
  rig.tell({ final: { index: 0, text: "Un.", startOffset: "0.050s", endOffset: "0.100s" } });
  act(() => rig.server.closed(T.problems.lost, undefined, true));
  expect([rig.config.resumeSample, rig.session.state.failure]).toEqual([4800n, undefined]);
  rig.tell({ ready: { id: "r2", model: "canary" } });
  expect(screen.getByTestId("live-phase").textContent).toBe(T.listening);
  // Arrêter entre deux flux ferme le microphone, et garde ce qui est écrit.
  act(() => rig.server.closed(T.problems.lost, undefined, true));
  act(() => rig.server.closed(T.problems.unreachable, undefined, true));
  fireEvent.click(screen.getByTestId("live-stop"));
  expect(rig.session.state).toMatchObject({ phase: "done", failure: T.problems.lost });
  expect([rig.session.state.transcript.finals.length, rig.stopped]).toEqual([1, 1]);
  // Un refus du serveur l'emporte sur ce qui avait coupé le flux.
  fireEvent.click(screen.getByTestId("live-start"));
  await waitFor(() => expect(rig.session.state.phase).toBe("connecting"));
  rig.tell({ ready: { id: "r3", model: "canary" } });
  act(() => rig.server.closed("Le serveur s'arrête.", 0));
  act(() => rig.server.closed("Clé inconnue."));
  expect(rig.session.state).toMatchObject({ phase: "done", failure: "Clé inconnue." });
  const other = new Rig();
  await other.session.start(create(ModelCapabilitiesSchema, { key: "canary" }), { min: 8000, max: 192000 });
  other.server.closed(T.problems.unreachable, undefined, true);
  expect(other.session.state).toMatchObject({ phase: "done", failure: T.problems.unreachable });
});

test("le texte vient en gris, puis pour de bon, avec sa latence ; arrêter rend la fin", async () => {
  const rig = new Rig();
  await started(rig);
  expect(rig.config.config).toMatchObject({ model: "canary", language: "fr", wordTimestamps: true });
  rig.clock = 100;
  rig.hear();
  expect(rig.sent).toEqual([9600]);
  rig.tell({ ready: { id: "r1", model: "canary" } });
  expect(screen.getByTestId("live-phase").textContent).toBe(T.listening);
  rig.tell({ partial: { text: "bonj" } });
  expect(screen.getByTestId("live-partial").textContent).toBe("bonj");
  rig.clock = 2900;
  rig.tell({ final: { index: 0, text: "Bonjour.", start_offset: "1s", end_offset: "2s" } });
  expect(screen.queryByTestId("live-partial")).toBeNull();
  expect(screen.getByTestId("live-finals").textContent).toBe("0:01Bonjour.");
  expect(screen.getByTestId("live-latency").textContent).toBe("0,9 s");
  fireEvent.click(screen.getByTestId("live-stop"));
  await waitFor(() => expect(rig.said).toEqual(["end"]));
  expect(rig.stopped).toBe(1);
  rig.tell({ summary: { language: "fr", coverage: { covered_duration: "3s" } } });
  act(() => rig.server.closed(undefined));
  expect(rig.stopped).toBe(1);
  expect(screen.getByTestId("live-downloads")).toBeTruthy();
  expect(screen.getByTestId("live-language-found").textContent).toBe("français");
  fireEvent.click(screen.getByTestId("live-clear"));
  expect(screen.getByTestId("live-empty").textContent).toBe(T.hint);
});

test("qui parle se voit aussitôt, et se corrige sous les yeux", async () => {
  const rig = new Rig();
  await ready(rig);
  fireEvent.click(within(screen.getByTestId("live-speakers")).getByRole("switch"));
  fireEvent.click(screen.getByTestId("live-start"));
  await waitFor(() => expect(rig.session.state.phase).toBe("connecting"));
  expect(rig.config.config?.diarization).toBeDefined();
  rig.tell({ ready: { id: "r1", model: "canary" } });
  rig.hear();
  const word = (text: string, at: number) => ({
    text,
    start_offset: `${at}s`,
    end_offset: `${at + 1}s`,
    speaker_label: "SPEAKER_00",
  });
  const words = [word("Bonjour,", 0), word("merci.", 1)];
  const span = { start_offset: "0s", end_offset: "2s" };
  rig.tell({ final: { index: 0, text: "Bonjour, merci.", ...span, speaker_label: "SPEAKER_00", words } });
  const shown = screen.getByTestId("live-finals");
  expect(shown.textContent).toContain("SPEAKER_00Bonjour, merci.");
  const revision = { first_word: 1, word_count: 1, from_label: "SPEAKER_00", to_label: "Camille" };
  rig.tell({ speaker_revisions: { revisions: [revision] } });
  expect(shown.textContent).toContain("SPEAKER_00Bonjour,");
  expect(shown.textContent).toContain("Camillemerci.");
  rig.tell({ partial: { utterance_index: 1, text: "et", speaker_label: "Camille" } });
  expect(screen.getByTestId("live-partial").textContent).toBe("et");
});

test("un modèle qui ne date pas ses mots ne dit pas qui parle ; trop de phrases se disent avant d'ouvrir le micro", async () => {
  open(new Rig(), undefined, ["phrases"]);
  const phrases = await screen.findByTestId("live-phrases");
  const start = screen.getByTestId<HTMLButtonElement>("live-start");
  await waitFor(() => expect(start.disabled).toBe(false));
  expect(screen.queryByTestId("live-speakers")).toBeNull();
  fireEvent.change(phrases, { target: { value: "Diane\nCamille" } });
  expect(screen.getByRole("alert").textContent).toContain("1 au plus (reçu : 2)");
  expect(start.disabled).toBe(true);
  fireEvent.change(phrases, { target: { value: "Diane" } });
  expect(start.disabled).toBe(false);
});

test("un serveur en retard se dit, au lieu d'attendre une parole déjà dite", async () => {
  const rig = new Rig();
  await started(rig);
  expect(rig.config.progress).toBe(true);
  const second = 2 * 48000;
  const said = () => [screen.getByTestId("live-phase").textContent, screen.getByTestId("live-empty").textContent];
  rig.hear(8 * second);
  // Le flux ne s'ouvre pas encore : c'est une autre attente, qui se dit déjà.
  expect(said()).toEqual([T.connecting, T.hint]);
  rig.tell({ ready: { id: "r1", model: "canary" } });
  expect(said()).toEqual([`${T.listening} ; ${T.late(8)}`, T.lateWords(8)]);
  rig.tell({ progress: { offset: "4.900s" } });
  expect(said()).toEqual([T.listening, T.waitingWords]);
  rig.tell({ speechStart: { offset: "4.500s" } });
  expect(said()).toEqual([T.listening, T.hearing]);
  rig.hear(2 * second);
  expect(said()).toEqual([`${T.listening} ; ${T.late(5)}`, T.lateWords(5)]);
  rig.tell({ final: { index: 0, text: "Oui.", startOffset: "4.500s", endOffset: "9s" } });
  expect(screen.getByTestId("live-phase").textContent).toBe(T.listening);
  rig.hear(6 * second);
  fireEvent.click(screen.getByTestId("live-stop"));
  // Arrêté, on sait encore ce qui reste à venir.
  await waitFor(() => expect(screen.getByTestId("live-phase").textContent).toBe(`${T.closing} ; ${T.late(7)}`));
  act(() => rig.server.closed(undefined));
  expect(screen.queryByTestId("live-phase")).toBeNull();
});

test("un refus du serveur ferme le microphone et se lit", async () => {
  const rig = new Rig();
  await started(rig);
  act(() => rig.server.closed("Cette clé n'est pas reconnue."));
  expect(screen.getByTestId("live-failure").textContent).toBe("Cette clé n'est pas reconnue.");
  expect(rig.stopped).toBe(1);
  expect(screen.getByTestId("live-start")).toBeTruthy();
});

test("un microphone débranché clôt le flux, et ce qui précède est rendu", async () => {
  const rig = new Rig();
  await started(rig);
  act(() => rig.listener.lost());
  await waitFor(() => expect(rig.said).toEqual(["end"]));
  rig.tell({ final: { index: 0, text: "Au revoir." } });
  act(() => rig.server.closed(undefined));
  expect(screen.getByTestId("live-failure").textContent).toBe(T.problems.unplugged);
  expect(screen.getByTestId("live-finals").textContent).toContain("Au revoir.");
});

test("un serveur qui ne suit plus fait abandonner le flux, plutôt que de perdre du son en silence", async () => {
  const rig = new Rig();
  await started(rig);
  rig.accepts = false;
  rig.hear();
  expect(rig.said).toEqual(["close"]);
  expect(screen.getByTestId("live-failure").textContent).toBe(T.problems.slow);
});

test("une fin qui tarde se laisse abandonner, et ce qui est écrit reste", async () => {
  const rig = new Rig();
  await started(rig);
  rig.tell({ final: { index: 0, text: "Bonjour." } });
  fireEvent.click(screen.getByTestId("live-stop"));
  await waitFor(() => expect(rig.said).toEqual(["end"]));
  expect(screen.getByTestId("live-stop").textContent).toBe(T.abandon);
  fireEvent.click(screen.getByTestId("live-stop"));
  expect(rig.said).toEqual(["end", "close"]);
  expect(screen.getByTestId("live-failure").textContent).toBe(T.problems.abandoned);
  expect(screen.getByTestId("live-finals").textContent).toContain("Bonjour.");
  expect(rig.stopped).toBe(1);
});

test("un microphone refusé se dit, et rien ne s'ouvre", async () => {
  const rig = new Rig();
  rig.refusal = new MicrophoneProblem(T.problems.denied);
  await ready(rig);
  fireEvent.click(screen.getByTestId("live-start"));
  await waitFor(() => expect(screen.getByTestId("live-failure").textContent).toBe(T.problems.denied));
  expect(rig.server).toBeUndefined();
});

test("un flux qui ne peut pas s'ouvrir ne laisse pas le microphone ouvert", async () => {
  const rig = new Rig();
  rig.unopenable = new DOMException("", "SecurityError");
  await ready(rig);
  fireEvent.click(screen.getByTestId("live-start"));
  await screen.findByTestId("live-failure");
  expect(rig.stopped).toBe(1);
});

test("un double-clic ouvre le flux sans le fermer, et le ferme sans en abandonner la fin", async () => {
  const person = userEvent.setup();
  const rig = new Rig();
  await ready(rig);
  await person.dblClick(screen.getByTestId("live-start"));
  await waitFor(() => expect(rig.session.state.phase).toBe("connecting"));
  await person.pointer({ target: document.body });
  await person.dblClick(screen.getByTestId("live-stop"));
  await waitFor(() => expect(rig.said).toEqual(["end"]));
  expect(rig.session.state.phase).toBe("closing");
});

test("la requête montrée est celle du flux montré ; la prochaine se regarde à part", async () => {
  const rig = new Rig();
  await started(rig);
  const code = () => screen.getByTestId("snippet-code").textContent;
  const help = () => screen.getByTestId("live-snippets-help").textContent;
  act(() => rig.server.closed(undefined));
  fireEvent.click(screen.getByTestId("live-snippets-python"));
  expect(help()).toContain("La requête envoyée");
  expect(screen.queryByTestId("live-snippets-next")).toBeNull();
  fireEvent.change(screen.getByTestId("live-language"), { target: { value: "en" } });
  expect(code()).toContain('"language": "fr"');
  fireEvent.click(screen.getByTestId("live-snippets-next"));
  expect(code()).toContain('"language": "en"');
  expect(screen.getByRole("button", { name: "Prochaine requête", pressed: true })).toBeTruthy();
});

test("en HTTP simple, le bouton le dit et nomme le remède", async () => {
  Reflect.deleteProperty(navigator, "mediaDevices");
  open(new Rig());
  const advice = await screen.findByTestId("live-insecure");
  expect(advice.textContent).toContain("docs/tls.md");
  expect(screen.getByTestId<HTMLButtonElement>("live-start").disabled).toBe(true);
  expect(screen.getByTestId("live-start").textContent).toBe(T.unavailable);
});

test("sur une autre page, un bandeau rappelle le microphone ouvert et peut le fermer", async () => {
  const rig = new Rig();
  const { rerender } = await ready(rig, "/machine");
  expect(screen.queryByTestId("live-badge")).toBeNull();
  fireEvent.click(screen.getByTestId("live-start"));
  await screen.findByTestId("live-badge");
  rerender(
    <StatusProvider>
      <KeptProvider live={rig.session}>Machine</KeptProvider>
    </StatusProvider>,
  );
  expect(screen.queryByTestId("live-page")).toBeNull();
  fireEvent.click(await screen.findByTestId("live-badge-stop"));
  await waitFor(() => expect(rig.said).toEqual(["end"]));
  expect(screen.queryByTestId("live-badge")).toBeNull();
});
