import { filesIn, jsLiteral } from "./literals";
import {
  attribute as attributeOr,
  type Http,
  indented,
  isStream,
  opening,
  type ServerAccess,
  type Shown,
  type Sketch,
  type Socket,
  socketUrl,
} from "./sketch";

const ENVIRONMENT_KEY = "process.env.PASSERELLE_KEY";

/** La requête, en JavaScript : par le SDK d'OpenAI, par `fetch`, ou par un WebSocket. */
export function node({ http, socket }: Sketch, target: ServerAccess): { node?: string } {
  if (socket) return { node: overSocket(socket, target) };
  if (!http?.shown) return {};
  return { node: http.sdk ? withSdk(http, http.shown, target) : withFetch(http, http.shown, target) };
}

/** Ce qui s'affiche de `root` ; `read` écrit un chemin. */
export function shown({ each, values, pieces }: Shown, root: string, read = attribute, write = WRITE): string {
  const [list, name] = each ?? [];
  const rows = values.map((path) => read(name ?? root, path)).join(", ");
  const print = pieces ? `${write}(${rows});` : `console.log(${rows});`;
  if (!each) return print;
  const loop = `for (const ${name} of ${list ? read(root, list) : root})`;
  return loop.length + print.length < 100 ? `${loop} ${print}` : `${loop} {\n  ${print}\n}`;
}

const WRITE = "process.stdout.write";

const attribute = (root: string, path: string) => attributeOr(root, path, "??");

const READER = `
const image = (name, mimeType) => \`data:\${mimeType};base64,\${readFileSync(name, "base64")}\`;
`;

function withSdk(http: Http, show: Shown, { base, keyed }: ServerAccess): string {
  const { sdk = "", json = {}, args = json } = http;
  const given = Array.isArray(args) ? args.map((one) => jsLiteral(one)).join(", ") : jsLiteral(args);
  const call = `await client.${sdk}(${given === "{}" ? "" : given})`;
  const files = filesIn(args);
  const pictures = files.some(({ mimeType }) => mimeType);
  const fs = pictures ? "readFileSync" : "createReadStream";
  const read = isStream(http)
    ? `const stream = ${call};\nfor await (const chunk of stream) {\n${indented(shown(show, "chunk"), 2)}\n}`
    : show.each?.[0] === ""
      ? shown(show, call).replace(/^for \((.*) of await /, "for await ($1 of ")
      : `const answer = ${call};\n${shown(show, "answer")}`;
  return `${files.length > 0 ? `import { ${fs} } from "node:fs";\n` : ""}import OpenAI from "openai";
${pictures ? READER : ""}
const client = new OpenAI({ baseURL: "${base}/v1", apiKey: ${keyed ? ENVIRONMENT_KEY : '"aucune"'} });
${read}
`;
}

function withFetch({ path, form = {}, file = "" }: Http, show: Shown, { base, keyed }: ServerAccess): string {
  const key = keyed ? `\n  headers: { Authorization: \`Bearer \${${ENVIRONMENT_KEY}}\` },` : "";
  return `import { openAsBlob } from "node:fs";

const form = new FormData();
const fields = ${jsLiteral(form)};
for (const [name, value] of Object.entries(fields)) form.append(name, value);
form.append("file", await openAsBlob(${jsLiteral(file)}));

const answer = await fetch(${jsLiteral(base + path)}, {
  method: "POST",${key}
  body: form,
});
if (!answer.ok) throw new Error((await answer.json()).error.message);
let rest = "";
for await (const part of answer.body.pipeThrough(new TextDecoderStream())) {
  const blocks = (rest + part).split("\\n\\n");
  rest = blocks.pop();
  for (const block of blocks) {
    if (!block.startsWith("data: ")) continue;
    const event = JSON.parse(block.slice(6));
    if (event.error) throw new Error(event.error.message);
    if (event.type === "result") {
${indented(shown(show, "event.result"), 6)}
    }
  }
}
`;
}

function overSocket(socket: Socket, target: ServerAccess): string {
  const { path, file } = socket;
  const first = opening(socket, "wav.readUInt32LE(24)", "wav.readUInt16LE(22)", target.keyed && ENVIRONMENT_KEY);
  return `import { readFileSync } from "node:fs";
import WebSocket from "ws";

const wav = readFileSync(${jsLiteral(file)}); // en-tête simple, de 44 octets
const config = ${jsLiteral(first)};
const socket = new WebSocket("${socketUrl(target, path)}");
socket.on("open", () => {
  socket.send(JSON.stringify(config));
  for (let at = 44; at < wav.length; at += 32000) socket.send(wav.subarray(at, at + 32000));
  socket.send('{"type": "end"}');
});
socket.on("message", (message) => {
  const event = JSON.parse(message);
  if (event.type === "final") console.log(event.text);
  if (event.type === "error") {
    console.error(event.message);
    process.exitCode = 1;
  }
});
`;
}
