// @vitest-environment node
// Les extraits curl et Node sont lancés devant un serveur qui note ce qu'il reçoit ; ceux de Python le sont devant le produit.
import { execFile } from "node:child_process";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openAiBody, snippetsOf } from "./ask";
import { FULL, PNG, SEEN } from "./samples";

const run = promisify(execFile);
const seen: { body: unknown; headers: IncomingHttpHeaders }[] = [];
let server: Server;
let base = "";
let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "passerelle-extraits-"));
  await symlink(resolve("node_modules"), join(folder, "node_modules"));
  await writeFile(join(folder, PNG.name), PNG.data);
  server = createServer(async (request, response) => {
    const parts: Uint8Array[] = [];
    for await (const part of request) parts.push(part);
    seen.push({ body: JSON.parse(Buffer.concat(parts).toString()), headers: request.headers });
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.end('data: {"choices":[{"delta":{"content":"reçu"}}]}\n\ndata: [DONE]\n\n');
  }).listen(0, "127.0.0.1");
  await new Promise((done) => server.once("listening", done));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  server.close();
  await rm(folder, { recursive: true, force: true });
});

const asks = [
  ["une conversation réglée", FULL],
  ["une image", SEEN],
] as const;

test.each(asks)("curl envoie exactement %s", async (_name, ask) => {
  const { curl = "" } = snippetsOf(ask, { base, keyed: true });
  await run("bash", ["-c", curl], { cwd: folder, env: { ...process.env, PASSERELLE_KEY: "cle-a" } });
  const { body, headers } = seen.at(-1) ?? {};
  expect(body).toEqual(JSON.parse(JSON.stringify(openAiBody(ask))));
  expect(headers?.authorization).toBe("Bearer cle-a");
});

test.each(asks)("Node envoie exactement %s", async (_name, ask) => {
  const { node = "" } = snippetsOf(ask, { base, keyed: true });
  await writeFile(join(folder, "extrait.mjs"), node);
  const env = { ...process.env, PASSERELLE_KEY: "cle-a" };
  const { stdout } = await run(process.execPath, ["extrait.mjs"], { cwd: folder, env });
  expect(stdout).toBe("reçu");
  const { body, headers } = seen.at(-1) ?? {};
  expect(body).toEqual(JSON.parse(JSON.stringify(openAiBody(ask))));
  expect(headers?.authorization).toBe("Bearer cle-a");
});

test("sans clé exigée, rien n'en parle", () => {
  for (const text of Object.values(snippetsOf(FULL, { base, keyed: false })))
    expect(text).not.toContain("PASSERELLE_KEY");
  for (const text of Object.values(snippetsOf(FULL, { base, keyed: true }))) expect(text).toContain("PASSERELLE_KEY");
});

test("le canal gRPC suit le protocole de la page", () => {
  expect(snippetsOf(FULL, { base: "https://ia.exemple", keyed: false }).grpc).toContain(
    'grpc.secure_channel("ia.exemple:443"',
  );
  expect(snippetsOf(FULL, { base, keyed: false }).grpc).toContain(`grpc.insecure_channel("${base.slice(7)}")`);
});
