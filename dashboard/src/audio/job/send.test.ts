// @vitest-environment jsdom
// Le vrai XMLHttpRequest de jsdom, devant un vrai serveur HTTP.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { setAccessKey } from "../../api/accessKey";
import type { AudioRequest } from "./request";
import { type Step, send } from "./send";

const SEGMENT = 'data: {"type":"segment","segment":{"index":0,"start":0,"end":1,"text":"é"}}\n\n';
const RESULT = 'data: {"type":"result","result":{"id":"r","duration":1.0}}\n\n';
const stops: (() => void)[] = [];

afterEach(() => {
  setAccessKey("");
  for (const stop of stops.splice(0)) stop();
});

/** Sert une réponse, et rend la requête qui y mène. */
async function serving(answer: (response: ServerResponse, request: IncomingMessage) => void): Promise<AudioRequest> {
  const server = createServer((request, response) => {
    // L'essai n'a pas l'origine de ce serveur.
    response.setHeader("access-control-allow-origin", "*");
    response.setHeader("access-control-allow-headers", "*, authorization");
    if (request.method === "OPTIONS") response.end();
    else answer(response, request);
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  stops.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const path = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api` as AudioRequest["path"];
  return { task: "transcribe", path, fields: { model: "canary", stream: "true" } };
}

async function sending(request: AudioRequest, signal = new AbortController().signal, size = 4) {
  const steps: Step[] = [];
  const end = send(request, new File(["a".repeat(size)], "a.wav"), signal, (step) => steps.push(step));
  const failure = await end.then(
    () => undefined,
    (error: Error) => error,
  );
  return { steps, failure };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const part of request) body += part;
  return body;
}

test("le formulaire et la clé partent ; les événements arrivent à mesure", async () => {
  setAccessKey("cle-secrete");
  let body = "";
  let key: string | undefined;
  const request = await serving(async (response, received) => {
    key = received.headers.authorization;
    body = await bodyOf(received);
    response.write(SEGMENT);
    response.end(RESULT);
  });
  const { steps, failure } = await sending(request);
  expect(failure).toBeUndefined();
  expect(key).toBe("Bearer cle-secrete");
  expect(body).toMatch(/name="model"\s+canary[\s\S]*name="file"; filename="a.wav"[\s\S]*aaaa/);
  expect(steps.filter(({ type }) => type !== "sent")).toEqual([
    { type: "segment", segment: { index: 0, start: 0, end: 1, text: "é" } },
    { type: "result", result: { id: "r", duration: 1 }, json: '{"id":"r","duration":1.0}' },
  ]);
});

test.each([
  ["un refus", 429, '{"error":{"message":"File pleine."}}', "File pleine."],
  ["une autre passerelle", 502, "<html>Bad gateway</html>", "Le serveur a répondu de façon inattendue (HTTP 502)"],
  [
    "un refus en cours de route",
    200,
    `${SEGMENT}data: {"error":{"message":"Exemplaire perdu."}}\n\n`,
    "Exemplaire perdu.",
  ],
  ["une réponse sans résultat", 200, SEGMENT, "La réponse s'est interrompue"],
])("%s se dit en français", async (_name, status, text, said) => {
  const request = await serving(async (response, received) => {
    await bodyOf(received);
    response.writeHead(status).end(text);
  });
  expect((await sending(request)).failure?.message).toContain(said);
});

test("annuler ferme la connexion du serveur", async () => {
  const stop = new AbortController();
  let closed: () => void = () => {};
  const gone = new Promise<void>((resolve) => {
    closed = resolve;
  });
  const request = await serving(async (response, received) => {
    await bodyOf(received);
    response.on("close", closed);
    response.write(SEGMENT);
    stop.abort();
  });
  expect((await sending(request, stop.signal)).failure?.name).toBe("AbortError");
  await gone;
});
