// Un exemple prêt à lancer pour chaque route ; aucun ne porte de clé.
import { create } from "@bufbuild/protobuf";
import { type ModelCapabilities, ModelCapabilitiesSchema } from "../gen/passerelle/v1/limits_pb";
import { Capability } from "../gen/passerelle/v1/model_pb";
import { configFor } from "../live/session/request";
import { snippetsOf } from "../live/snippets";
import type { SnippetTexts } from "../snippets/Snippets";
import { curlKey, nodeKey, pythonKey, type ServerAccess } from "../snippets/server";
import { grpcSample, grpcWebSample, type Keys } from "./grpcSamples";
import type { Address, Route } from "./routes";

/** Exemples d'une route, sur un hôte. */
export function samplesOf(route: Route, address: Address, keyed: boolean, models: ModelCapabilities[]): SnippetTexts {
  const target = { base: address.base, keyed };
  const first = (capability: Capability) =>
    models.find((one) => one.capability === capability) ?? create(ModelCapabilitiesSchema, { key: "modele" });
  const named = (capability: Capability) => first(capability).key;
  const keys = {
    chat: named(Capability.CHAT),
    transcribe: named(Capability.TRANSCRIBE),
    diarize: named(Capability.DIARIZE),
  };
  if (route.method === "gRPC") return { grpc: grpcSample(route.path.slice(1), target, keys) };
  if (route.method === "gRPC-Web") return { node: grpcWebSample(route.path.slice(1), target) };
  if (route.method === "WebSocket") {
    // Un flux s'envoie et se lit à la fois : curl ne sait pas le faire.
    const { python, node } = snippetsOf(configFor(first(Capability.TRANSCRIBE), "", 0), target);
    return { python, node };
  }
  const url = `${target.base}${route.path.replace("{model}", keys.chat).replace("{operation_id}", "OPERATION")}`;
  const found: SnippetTexts = { curl: curl(route, url, target, keys) };
  const sdk = SDK[route.path]?.(keys);
  if (sdk) {
    found.python = python(sdk.python, target);
    found.node = node(sdk.node, target);
  }
  return found;
}

const FILE = "reunion.wav";

function curl({ method, path }: Route, url: string, target: ServerAccess, keys: Keys): string {
  const lines = [`curl ${url}`];
  const key = curlKey(target)
    .replace(/ \\\n$/, "")
    .trimStart();
  if (key) lines.push(key);
  const form = FORMS[path]?.(keys);
  if (form) lines.push(`-F file=@${FILE}`, ...form);
  else if (method === "POST") {
    const body = JSON.stringify(BODIES[path]?.(keys) ?? {});
    lines.push('-H "Content-Type: application/json"', `-d '${body}'`);
  }
  return `${lines.join(" \\\n  ")}\n`;
}

const FORMS: Record<string, (keys: Keys) => string[]> = {
  "/v1/audio/transcriptions": ({ transcribe }) => [`-F model=${transcribe}`],
  "/v1/audio/translations": ({ transcribe }) => [`-F model=${transcribe}`],
  "/api/audio/transcribe": ({ transcribe }) => [`-F model=${transcribe}`, "-F response_format=srt"],
  "/api/diarization/process": ({ diarize }) => [`-F model=${diarize}`],
};

const QUESTION = [{ role: "user", content: "Bonjour !" }];

const BODIES: Record<string, (keys: Keys) => unknown> = {
  "/v1/chat/completions": ({ chat }) => ({ model: chat, messages: QUESTION }),
  "/v1/completions": ({ chat }) => ({ model: chat, prompt: "Il était une fois", max_tokens: 64 }),
  // Un exemple qu'on essaie ne doit rien effacer.
  "/api/admin/models/{model}/remove": () => ({ dry_run: true }),
};

interface Sdk {
  python: string;
  node: string;
}

const SDK: Record<string, (keys: Keys) => Sdk> = {
  "/v1/chat/completions": ({ chat }) => ({
    python: `answer = client.chat.completions.create(
    model="${chat}",
    messages=[{"role": "user", "content": "Bonjour !"}],
)
print(answer.choices[0].message.content)
`,
    node: `const answer = await client.chat.completions.create({
  model: "${chat}",
  messages: [{ role: "user", content: "Bonjour !" }],
});
console.log(answer.choices[0].message.content);
`,
  }),
  "/v1/completions": ({ chat }) => ({
    python: `answer = client.completions.create(model="${chat}", prompt="Il était une fois", max_tokens=64)
print(answer.choices[0].text)
`,
    node: `const answer = await client.completions.create({ model: "${chat}", prompt: "Il était une fois", max_tokens: 64 });
console.log(answer.choices[0].text);
`,
  }),
  "/v1/models": () => ({
    python: `for model in client.models.list():
    print(model.id)
`,
    node: `for await (const model of client.models.list()) {
  console.log(model.id);
}
`,
  }),
  "/v1/models/{model}": ({ chat }) => ({
    python: `print(client.models.retrieve("${chat}"))
`,
    node: `console.log(await client.models.retrieve("${chat}"));
`,
  }),
  "/v1/audio/transcriptions": ({ transcribe }) => audio("transcriptions", transcribe),
  "/v1/audio/translations": ({ transcribe }) => audio("translations", transcribe),
};

function audio(resource: string, model: string): Sdk {
  return {
    python: `with open("${FILE}", "rb") as file:
    print(client.audio.${resource}.create(model="${model}", file=file).text)
`,
    node: `import { createReadStream } from "node:fs";

const file = createReadStream("${FILE}");
console.log((await client.audio.${resource}.create({ model: "${model}", file })).text);
`,
  };
}

function python(call: string, target: ServerAccess): string {
  return `${target.keyed ? "import os\n\n" : ""}from openai import OpenAI

client = OpenAI(base_url="${target.base}/v1", api_key=${pythonKey(target)})
${call}`;
}

function node(call: string, target: ServerAccess): string {
  return `import OpenAI from "openai";

const client = new OpenAI({ baseURL: "${target.base}/v1", apiKey: ${nodeKey(target)} });
${call}`;
}
