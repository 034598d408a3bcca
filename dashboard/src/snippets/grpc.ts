// Un appel gRPC : le message typé s'écrit d'après son descripteur, en Python, et en JavaScript pour un navigateur.
import type { DescEnum, DescField, DescFile, DescMessage } from "@bufbuild/protobuf";
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
  const imports = new Imports();
  const first = typed(method.input, rpc.request, pythonic(imports)) as Call;
  const metadata = target.keyed ? `, metadata=[("authorization", f"Bearer {os.environ['PASSERELLE_KEY']}")]` : "";
  const call = `service.${method.name}(${upload ? "requests(audio)" : "request"}${metadata})`;
  const streamed = method.methodKind !== "unary";
  const root = streamed ? (when ? "event" : "message") : "answer";
  const print = shown(rpc.shown, when ? `${root}.${when}` : root, (place, path) => {
    const field = fieldAt(rpc, path);
    const text = attribute(place, path);
    if (field?.message?.typeName === "google.protobuf.Duration")
      return `round(${text}.ToTimedelta().total_seconds(), 3)`;
    return field?.enum ? `${imports.take(field.enum)}.${field.enum.name}.Name(${text})` : text;
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
    ["import grpc", `from passerelle.v1 import ${[stub, ...imports.keys()].toSorted().join(", ")}`],
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
  const imports = new Imports();
  imports.take(method.parent);
  const request = jsLiteral(typed(method.input, rpc.request, connect(imports)));
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
      if (!field?.enum) return text;
      imports.take(field.enum);
      return `${field.enum.name}[${text}]`;
    },
    "document.body.append",
  );
  const call = `client.${method.localName}(${request})`;
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
  const root = when ? walk(method.output, when).message : method.output;
  if (path === each?.[0]) return root && walk(root, path);
  const item = each ? root && walk(root, each[0]).message : root;
  return item && walk(item, path);
}

function walk(desc: DescMessage, path: string): DescField {
  let at: DescMessage | undefined = desc;
  let found: DescField | undefined;
  for (const step of path.replace("?", "").split(".")) {
    // Un rang : le champ reste celui de la suite.
    if (/^\d+$/.test(step)) continue;
    found = at?.fields.find(({ name }) => name === step);
    at = found?.message;
  }
  if (!found) throw new Error(`${desc.typeName} n'a pas ${path}`);
  return found;
}

/** « chat_pb2 », pour passerelle/v1/chat.proto. */
function moduleOf({ name }: DescFile): string {
  return `${name.replace(/^.*\//, "")}_pb2`;
}

/** Noms pris dans chaque module, à importer. */
class Imports extends Map<string, Set<string>> {
  /** Prend ce nom, ou son module seulement ; rend le module. */
  take({ file, name }: { file: DescFile; name: string }): string {
    const module = moduleOf(file);
    this.set(module, (this.get(module) ?? new Set()).add(name));
    return module;
  }
}

/** Comment un langage écrit un message, une énumération, les octets d'un fichier. */
interface Writer {
  message: (desc: DescMessage, args: [DescField, Value][]) => Value;
  enumeration: (desc: DescEnum, name: string) => string;
  file: (file: LocalFile) => string;
}

/** Un objet JSON quelconque, que chaque langage écrit comme le sien. */
const STRUCT = "google.protobuf.Struct";

/** Le message, d'après son descripteur. */
function typed(desc: DescMessage, fields: Fields, writer: Writer): Value {
  const args = Object.entries(fields).flatMap(([name, value]): [DescField, Value][] => {
    if (value === undefined) return [];
    const field = walk(desc, name);
    const write = (one: Value): Value => {
      if (one instanceof LocalFile) return new Code(writer.file(one));
      if (field.enum) return new Code(writer.enumeration(field.enum, String(one)));
      return field.message && field.message.typeName !== STRUCT && isFields(one)
        ? typed(field.message, one, writer)
        : one;
    };
    return [[field, Array.isArray(value) ? value.map(write) : write(value)]];
  });
  return writer.message(desc, args);
}

const pythonic = (imports: Imports): Writer => ({
  message: (desc, args) =>
    new Call(`${imports.take(desc)}.${desc.name}`, Object.fromEntries(args.map(([{ name }, value]) => [name, value]))),
  enumeration: (desc, name) => `${imports.take(desc)}.${name}`,
  file: ({ name }) => `Path(${pythonLiteral(name)}).read_bytes()`,
});

/** Ce qu'un client de Connect attend. */
const connect = (imports: Imports): Writer => ({
  message: (_desc, args) =>
    Object.fromEntries(
      args.map(([{ oneof, localName }, value]) =>
        oneof ? [oneof.localName, { case: localName, value }] : [localName, value],
      ),
    ),
  enumeration(desc, name) {
    imports.take(desc);
    return `${desc.name}.${desc.values.find((one) => one.name === name)?.localName}`;
  },
  file: () => "audio",
});

function isFields(value: Value): value is Fields {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
