// @vitest-environment node
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { create } from "@bufbuild/protobuf";
import ts from "typescript";
import { expect, test } from "vitest";
import { ModelCapabilitiesSchema } from "../gen/passerelle/v1/limits_pb";
import { Capability } from "../gen/passerelle/v1/model_pb";
import { type Endpoint, EndpointGroup, KeyScope } from "../gen/passerelle/v1/route_pb";
import { familiesOf, hostsOf, needsKey, type Route } from "./routes";
import { samplesOf } from "./samples";

const MODELS = [
  { key: "qwen", capability: Capability.CHAT },
  { key: "canary", capability: Capability.TRANSCRIBE },
  { key: "pyannote", capability: Capability.DIARIZE },
].map((model) => create(ModelCapabilitiesSchema, model));

/** Les routes que le serveur annonce, telles que « make gen » les recopie : un exemple qui manque se voit. */
const TOLD: { method: string; path: string }[] = JSON.parse(
  readFileSync(fileURLToPath(new URL("../../../gen/routes.json", import.meta.url)), "utf8"),
);
const PATHS = TOLD.filter(({ method, path }) => ["GET", "POST"].includes(method) && path !== "/").map(
  ({ method, path }) => [method, path] as const,
);
const SERVICES = TOLD.filter(({ method }) => method === "gRPC").map(({ path }) => path.slice(1));

const route = (method: string, path: string): Route => ({
  name: "essai",
  method,
  path,
  key: KeyScope.NONE,
  addresses: [],
});
const at = { text: "", base: "http://gpu.example:8000" };

/** Fautes de syntaxe d'un module JavaScript. */
function faults(program: string) {
  const options = { reportDiagnostics: true, compilerOptions: { target: ts.ScriptTarget.ES2022, allowJs: true } };
  return ts
    .transpileModule(program, { ...options, fileName: "exemple.mjs" })
    .diagnostics?.map((one) => one.messageText);
}

/** Fait lire des programmes à Python, sans les lancer. */
function compile(programs: string[]) {
  const reader = "import json, sys\nfor one in json.load(sys.stdin): compile(one, 'exemple', 'exec')";
  execFileSync("python3", ["-c", reader], { input: JSON.stringify(programs), stdio: "pipe" });
}

test("essayer le retrait des poids n'efface rien", () => {
  const { curl } = samplesOf(route("POST", "/api/admin/models/{model}/remove"), at, false, MODELS);
  expect(curl).toMatch(/"dry_run": ?true/);
});

test("chaque route HTTP a un curl qu'un shell comprend, clé comprise", () => {
  expect(PATHS.length).toBeGreaterThan(12);
  for (const [method, path] of PATHS) {
    for (const keyed of [false, true]) {
      const { curl = "", python, node } = samplesOf(route(method, path), at, keyed, MODELS);
      const stub = `curl() { for word; do printf '%s\\n' "$word"; done; case " $* " in *" @- "*) tr -d '\\n';; esac; }`;
      const words = execFileSync("sh", ["-c", `${stub}\n${curl}`], {
        encoding: "utf8",
        env: { ...process.env, PASSERELLE_KEY: "secrète" },
      }).split("\n");
      expect(words.filter((word) => /^http:\/\/gpu\.example:8000\/[^{}]*$/.test(word))).toHaveLength(1);
      expect(words.includes("Authorization: Bearer secrète")).toBe(keyed);
      const [body] = words.filter((word) => word.startsWith("{"));
      expect(typeof (body && JSON.parse(body))).toBe(
        method === "POST" && !curl.includes("-F") ? "object" : "undefined",
      );
      // L'administration, les sondes et les jetons, que les SDK n'ont pas, n'ont que curl.
      const inference = /^\/v1\/(?!(de)?tokenize)|\/transcribe$|\/process$/.test(path);
      expect([python !== undefined, node !== undefined]).toEqual([inference, inference]);
      expect(`${python}${node}`).not.toContain("secrète");
    }
  }
});

test("les exemples de Python et de Node se lisent, clé comprise", () => {
  const programs: string[] = [];
  for (const keyed of [false, true]) {
    for (const [method, path] of PATHS) {
      const { python, node } = samplesOf(route(method, path), at, keyed, MODELS);
      if (python) programs.push(python);
      if (node) expect(faults(node)).toEqual([]);
    }
  }
  expect(programs.length).toBe(16);
  compile(programs);
});

test("un WebSocket a ses exemples, avec ou sans modèle, et pas de curl", () => {
  const [path = ""] = TOLD.filter(({ method }) => method === "WebSocket").map((one) => one.path);
  const programs: string[] = [];
  for (const keyed of [false, true]) {
    for (const models of [MODELS, []]) {
      const { curl, python = "", node = "" } = samplesOf(route("WebSocket", path), at, keyed, models);
      expect(curl).toBeUndefined();
      for (const text of [python, node]) {
        expect(text).toContain(`"ws://gpu.example:8000${path}"`);
        expect(text).toContain(models.length ? '"canary"' : '"modele"');
        expect(text.includes("PASSERELLE_KEY")).toBe(keyed);
      }
      programs.push(python);
      expect(faults(node)).toEqual([]);
    }
  }
  compile(programs);
});

test("une faute de syntaxe se verrait", () => {
  expect(faults("const a = {")).not.toEqual([]);
  expect(() => compile(["def a("])).toThrow();
});

test("chaque service a son exemple", () => {
  expect(SERVICES.length).toBe(TOLD.filter(({ method }) => method === "gRPC-Web").length + 3);
  const programs: string[] = [];
  for (const service of SERVICES) {
    for (const keyed of [false, true]) {
      const { grpc } = samplesOf(route("gRPC", `/${service}`), at, keyed, MODELS);
      expect(grpc, service).toContain('grpc.insecure_channel("gpu.example:8000")');
      programs.push(grpc ?? "");
      const { web } = samplesOf(route("gRPC-Web", `/${service}`), at, keyed, MODELS);
      expect(web !== undefined).toBe(service.startsWith("passerelle."));
      if (web === undefined) continue;
      expect(faults(web)).toEqual([]);
      // Il appelle, et montre ce qui revient.
      expect(web).toMatch(/(await|of) client\.\w+\(/);
      expect(web).toMatch(/console\.log\(|document\.body\.append\(/);
      expect(web.includes("authorization")).toBe(keyed);
    }
  }
  compile(programs);
});

test.each([
  [["en"], "Hello!", "Once upon a time"],
  [["de", "fr"], "Bonjour !", "Il était une fois"],
  [[], "Bonjour !", "Il était une fois"],
  [["de"], "Hello!", "Once upon a time"],
])("un modèle qui parle %j est interrogé dans sa langue, et sa réponse finit", (languages, hello, once) => {
  const models = [create(ModelCapabilitiesSchema, { key: "petit", capability: Capability.CHAT, languages })];
  for (const [method, path, text] of [
    ["POST", "/v1/chat/completions", hello],
    ["POST", "/v1/completions", once],
    ["gRPC", "/passerelle.v1.ChatService", hello],
    ["gRPC-Web", "/passerelle.v1.ChatService", hello],
  ] as const) {
    const found = Object.entries(samplesOf(route(method, path), at, false, models));
    expect(found.length).toBeGreaterThan(0);
    for (const [language, sample] of found) {
      expect(sample, `${path} ${language}`).toContain(JSON.stringify(text));
      expect(sample, `${path} ${language}`).toMatch(/max_?tokens"?[:=] ?64/i);
    }
  }
});

const endpoint = (host: string, group: EndpointGroup, path: string, key = KeyScope.NONE) =>
  ({ host, port: 8000, group, path, key, name: path, method: "GET", url: `http://${host}:8000${path}` }) as Endpoint;

test("les adresses se rangent par famille, une par hôte", () => {
  const all = ["a", "b"].flatMap((host) => [
    endpoint(host, EndpointGroup.OPENAI, "/v1/models"),
    endpoint(host, EndpointGroup.GRPC, "/passerelle.v1.ChatService"),
    endpoint(host, EndpointGroup.GRPC_WEB, "/passerelle.v1.ChatService"),
    { ...endpoint(host, EndpointGroup.WEB_SOCKET, "/ws/transcribe"), url: `ws://${host}:8000/ws/transcribe` },
  ]);
  expect(hostsOf(all)).toEqual(["a", "b"]);
  const texts = (host: string) =>
    familiesOf(all, host).map(({ routes }) => routes.map(({ addresses }) => addresses.map(({ text }) => text)));
  expect(texts("")).toEqual([
    [["http://a:8000/v1/models", "http://b:8000/v1/models"]],
    [["a:8000", "b:8000"]],
    [["http://a:8000", "http://b:8000"]],
    [["ws://a:8000/ws/transcribe", "ws://b:8000/ws/transcribe"]],
  ]);
  expect(texts("b")).toEqual([
    [["http://b:8000/v1/models"]],
    [["b:8000"]],
    [["http://b:8000"]],
    [["ws://b:8000/ws/transcribe"]],
  ]);
  const [socket] = familiesOf(all, "a").at(-1)?.routes ?? [];
  expect(socket?.addresses).toEqual([{ text: "ws://a:8000/ws/transcribe", base: "http://a:8000" }]);
});

test("une clé n'est demandée que si le serveur en a", () => {
  const free = { apiKeyRequired: false, adminKeyRequired: false };
  const admin = { apiKeyRequired: false, adminKeyRequired: true };
  for (const key of [KeyScope.INFERENCE, KeyScope.ADMIN, KeyScope.ADMIN_TO_CHANGE])
    expect(needsKey(key, free)).toBe(false);
  expect(needsKey(KeyScope.INFERENCE, admin)).toBe(false);
  expect(needsKey(KeyScope.ADMIN, admin)).toBe(true);
  expect(needsKey(KeyScope.NONE, { apiKeyRequired: true, adminKeyRequired: true })).toBe(false);
});
