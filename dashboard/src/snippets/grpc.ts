// Un appel gRPC : le message typé s'écrit d'après son descripteur, en Python, et en JavaScript pour un navigateur.
import { type DescEnum, type DescField, type DescFile, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { Call, Code, type Fields, filesIn, jsLiteral, LocalFile, pythonLiteral, type Value } from "./literals";
import { shown as shownByNode } from "./node";
import { attribute, program, shown } from "./python";
import { indented, type Rpc, type ServerAccess } from "./sketch";

/** Ouverture du canal vers ce serveur, en Python. */
export function channel({ base }: ServerAccess): string {
  const { protocol, hostname, port } = new URL(base);
  const secure = protocol === "https:";
  const place = JSON.stringify(`${hostname}:${port || (secure ? 443 : 80)}`);
  return secure ? `grpc.secure_channel(${place}, grpc.ssl_channel_credentials())` : `grpc.insecure_channel(${place})`;
}

/** L'appel, en Python. */
export function grpc(rpc: Rpc, target: ServerAccess): string {
  const { method, upload, when } = rpc;
  const stub = `${moduleOf(method.parent.file)}_grpc`;
  const modules = new Set([stub]);
  const first = pythonMessage(method.input, rpc.request, modules);
  const metadata = target.keyed ? `, metadata=[("authorization", f"Bearer {os.environ['PASSERELLE_KEY']}")]` : "";
  const call = `service.${method.name}(${upload ? "requests(audio)" : "request"}${metadata})`;
  const streamed = method.methodKind !== "unary";
  const root = streamed ? (when ? "event" : "message") : "answer";
  const print = shown(rpc.shown, when ? `${root}.${when}` : root, (place, path) => {
    const field = fieldAt(rpc, path);
    const text = attribute(place, path);
    if (field?.message?.typeName === "google.protobuf.Duration")
      return `round(${text}.ToTimedelta().total_seconds(), 3)`;
    return field?.enum && !isList(field) ? `${named(field.enum, modules)}.Name(${text})` : text;
  });
  const kept = when ? `if ${root}.HasField("${when}"):\n${indented(print, 4)}` : print;
  const read = streamed ? `for ${root} in ${call}:\n${indented(kept, 4)}` : `${root} = ${call}\n${print}`;
  const opened = upload ? `${upload.wave ? "wave.open" : "open"}(${pythonLiteral(upload.file)}, "rb") as audio, ` : "";
  return program(
    [
      target.keyed && "import os",
      upload?.wave === true && "import wave",
      filesIn(rpc.request).length > 0 && "from pathlib import Path",
    ],
    ["import grpc", `from passerelle.v1 import ${[...modules].toSorted().join(", ")}`],
    `${upload ? sender(first, upload) : `\nrequest = ${pythonLiteral(first)}\n`}with ${opened}${channel(target)} as channel:
    service = ${stub}.${method.parent.name}Stub(channel)
${indented(read, 4)}
`,
  );
}

/** Le générateur qui envoie la configuration, puis le fichier. */
function sender(first: Call, { field, wave }: NonNullable<Rpc["upload"]>): string {
  const chunk = wave ? "audio.readframes(audio.getframerate() // 10)" : "audio.read(65536)";
  return `

def requests(audio):
    yield ${pythonLiteral(first, 4)}
    while chunk := ${chunk}:
        yield ${first.name}(${field}=chunk)


`;
}

/** L'appel, dans une page d'un autre site : un client de Connect, la clé et le fichier demandés à la personne. */
export function grpcWeb(rpc: Rpc, { base, keyed }: ServerAccess): string {
  const { method } = rpc;
  const imports = new Map([[moduleOf(method.parent.file), new Set([method.parent.name])]]);
  const request = jsLiteral(jsMessage(method.input, rpc.request, imports));
  const streamed = method.methodKind !== "unary";
  let durations = false;
  const print = shownByNode(
    rpc.shown,
    streamed ? "message" : "answer",
    (place, path) => {
      const field = fieldAt(rpc, path);
      const text = `${place}.${path.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase())}`;
      if (field?.message?.typeName === "google.protobuf.Duration") {
        durations = true;
        return `durationMs(${text}) / 1000`;
      }
      return field?.enum && !isList(field) ? `${imported(field.enum, imports)}[${text}]` : text;
    },
    "document.body.append",
  );
  const call = `client.${method.localName}(${request === "{}" ? "{}" : request})`;
  const from = [...imports].map(
    ([file, names]) =>
      `import { ${[...names].toSorted().join(", ")} } from "./gen/passerelle/v1/${file.replace(/2$/, "")}";\n`,
  );
  const key = `
const key = prompt("Clé d'accès");
const withKey = (next) => (request) => {
  request.header.set("authorization", \`Bearer \${key}\`);
  return next(request);
};
`;
  const picker = `
const input = document.body.appendChild(document.createElement("input"));
input.type = "file";
await new Promise((chosen) => input.addEventListener("change", chosen));
const audio = new Uint8Array(await input.files[0].arrayBuffer());
`;
  return `${durations ? 'import { durationMs } from "@bufbuild/protobuf/wkt";\n' : ""}import { createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
${from.join("")}${keyed ? key : ""}
const transport = createGrpcWebTransport({ baseUrl: "${base}"${keyed ? ", interceptors: [withKey]" : ""} });
const client = createClient(${method.parent.name}, transport);
${filesIn(rpc.request).length > 0 ? picker : ""}
${streamed ? `for await (const message of ${call}) {\n${indented(print, 2)}\n}` : `const answer = await ${call};\n${print}`}
`;
}

/** Champ au bout d'un chemin de ce qui s'affiche ; absent, c'est la suite elle-même. */
function fieldAt({ method, when, shown: { each } }: Rpc, path: string): DescField | undefined {
  const root = when ? walk(method.output, when)?.message : method.output;
  if (path === each?.[0]) return root && walk(root, path);
  const item = each ? root && walk(root, each[0])?.message : root;
  return item && walk(item, path);
}

function walk(desc: DescMessage, path: string): DescField | undefined {
  let at: DescMessage | undefined = desc;
  let found: DescField | undefined;
  for (const step of path.replace("?", "").split(".")) {
    if (/^\d+$/.test(step)) continue;
    found = at?.fields.find(({ name }) => name === step);
    if (!found) throw new Error(`${desc.typeName} n'a pas ${path}`);
    at = found.message;
  }
  return found;
}

const isList = ({ fieldKind }: DescField) => fieldKind === "list";

/** « chat_pb2 », pour passerelle/v1/chat.proto. */
function moduleOf({ name }: DescFile): string {
  return `${name.replace(/^.*\//, "")}_pb2`;
}

/** Nom Python d'un type, dont le module devient à importer. */
function named({ file, name }: DescMessage | DescEnum, modules: Set<string>): string {
  modules.add(moduleOf(file));
  return `${moduleOf(file)}.${name}`;
}

/** Nom JavaScript d'une énumération, qui devient à importer. */
function imported({ file, name }: DescEnum, imports: Map<string, Set<string>>): string {
  const module = moduleOf(file);
  imports.set(module, (imports.get(module) ?? new Set()).add(name));
  return name;
}

function pythonMessage(desc: DescMessage, fields: Fields, modules: Set<string>): Call {
  const args = Object.entries(fields).map(([name, value]) => {
    const field = walk(desc, name);
    return [name, each(value, (one) => pythonValue(field, one, modules))] as const;
  });
  return new Call(named(desc, modules), Object.fromEntries(args));
}

function pythonValue(field: DescField | undefined, value: Value, modules: Set<string>): Value {
  if (value instanceof LocalFile) return new Code(`Path(${pythonLiteral(value.name)}).read_bytes()`);
  if (field?.enum) return new Code(`${moduleIn(field.enum, modules)}.${value}`);
  return field?.message && isFields(value) ? pythonMessage(field.message, value, modules) : value;
}

function moduleIn(desc: DescEnum, modules: Set<string>): string {
  modules.add(moduleOf(desc.file));
  return moduleOf(desc.file);
}

/** Ce qu'un client de Connect attend d'un message. */
function jsMessage(desc: DescMessage, fields: Fields, imports: Map<string, Set<string>>): Fields {
  const args = Object.entries(fields).map(([name, value]) => {
    const field = walk(desc, name);
    const written = each(value, (one) => jsValue(field, one, imports));
    if (!field?.oneof) return [field?.localName ?? name, written] as const;
    return [field.oneof.localName, { case: field.localName, value: written ?? null }] as const;
  });
  return Object.fromEntries(args);
}

function jsValue(field: DescField | undefined, value: Value, imports: Map<string, Set<string>>): Value {
  if (value instanceof LocalFile) return new Code("audio");
  if (field?.enum) {
    const known = field.enum.values.find(({ name }) => name === value);
    return new Code(`${imported(field.enum, imports)}.${known?.localName}`);
  }
  if (field?.scalar === ScalarType.INT64 || field?.scalar === ScalarType.UINT64) return new Code(`${value}n`);
  return field?.message && isFields(value) ? jsMessage(field.message, value, imports) : value;
}

function isFields(value: Value): value is Fields {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function each(value: Value | undefined, write: (one: Value) => Value): Value | undefined {
  if (value === undefined) return undefined;
  return Array.isArray(value) ? value.map(write) : write(value);
}
