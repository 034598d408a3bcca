// @vitest-environment jsdom
import { create } from "@bufbuild/protobuf";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ModelCapabilitiesSchema } from "../../gen/passerelle/v1/limits_pb";
import { T } from "../texts";
import { configFor, openSocket } from "./socket";

const CANARY = create(ModelCapabilitiesSchema, { key: "canary", languages: ["fr"], features: ["word_timestamps"] });

class FakeSocket {
  static last: FakeSocket;
  sent: (string | ArrayBuffer)[] = [];
  bufferedAmount = 0;
  onopen = () => {};
  onmessage = (_message: { data: string }) => {};
  onclose = () => {};
  constructor(readonly url: string) {
    FakeSocket.last = this;
  }
  send(message: string | ArrayBuffer) {
    this.sent.push(message);
  }
  close() {
    this.onclose();
  }
  say(message: object) {
    this.onmessage({ data: JSON.stringify(message) });
  }
}

beforeEach(() => vi.stubGlobal("WebSocket", FakeSocket));
afterEach(() => vi.unstubAllGlobals());

function open(key = "sk-1") {
  const listener = { event: vi.fn(), closed: vi.fn() };
  const live = openSocket(configFor(CANARY, "fr", 48000), key, listener);
  return { live, socket: FakeSocket.last, ...listener };
}

test("la clé part dans le premier message, jamais dans l'adresse, et le son d'avance la suit", () => {
  const { live, socket } = open();
  expect(socket.url).toBe("ws://localhost:3000/ws/transcribe");
  live.send(new ArrayBuffer(4));
  expect(socket.sent).toEqual([]);
  socket.onopen();
  live.end();
  expect(JSON.parse(String(socket.sent[0]))).toEqual({
    type: "config",
    api_key: "sk-1",
    config: {
      config: {
        model: "canary",
        language: "fr",
        audio_format: { encoding: "AUDIO_ENCODING_PCM_S16LE", sample_rate_hertz: 48000, channel_count: 1 },
        word_timestamps: true,
      },
    },
  });
  expect(socket.sent.slice(1)).toEqual([new ArrayBuffer(4), '{"type":"end"}']);
});

test("un événement de plus tard que cette page n'en empêche aucun autre", () => {
  const { socket, event } = open();
  socket.onopen();
  socket.say({ type: "ready", id: "r1", model: "canary", demain: 1 });
  expect(event.mock.calls[0]?.[0].event).toMatchObject({ case: "ready", value: { id: "r1" } });
});

test.each([
  ["un bilan finit bien", [{ type: "summary", text: "" }], true, undefined],
  ["un refus se dit avec les mots du serveur", [{ type: "error", message: "Clé inconnue." }], true, "Clé inconnue."],
  ["une coupure se dit", [], true, T.problems.lost],
  ["un serveur absent se dit", [], false, T.problems.unreachable],
])("%s", (_name, events, opens, failure) => {
  const { socket, closed } = open();
  if (opens) socket.onopen();
  for (const event of events) socket.say(event);
  socket.onclose();
  const broken = failure === T.problems.lost || failure === T.problems.unreachable;
  expect(closed).toHaveBeenCalledWith(failure, undefined, broken);
});

test.each([
  ["SHUTTING_DOWN", { resume_sample: "48000" }, ["Coupé.", 48000, false]],
  ["WORKER_LOST", {}, ["Coupé.", undefined, false]],
  ["INVALID_AUDIO", { resume_sample: "48000" }, ["Coupé.", undefined, false]],
])("un flux coupé dit où le reprendre, si le reprendre sert : %s", (reason, metadata, told) => {
  const { socket, closed } = open();
  socket.onopen();
  socket.say({ type: "error", reason, message: "Coupé.", metadata });
  socket.onclose();
  expect(closed).toHaveBeenCalledWith(...told);
});

test("un message illisible ferme le flux et le dit", () => {
  const { socket, closed } = open("");
  socket.onopen();
  socket.onmessage({ data: "<html>" });
  expect(closed).toHaveBeenCalledWith(T.problems.unexpected, undefined, false);
});

test("trop de son en attente se refuse, ouvert ou non", () => {
  const { live, socket } = open();
  expect(live.send(new ArrayBuffer(8 * 1024 * 1024))).toBe(true);
  expect(live.send(new ArrayBuffer(1))).toBe(false);
  socket.onopen();
  expect(live.send(new ArrayBuffer(1))).toBe(true);
  socket.bufferedAmount = 9 * 1024 * 1024;
  expect(live.send(new ArrayBuffer(1))).toBe(false);
});
