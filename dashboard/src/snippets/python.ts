import { Call, filesIn, pythonLiteral, pythonRows } from "./literals";
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

export const ENVIRONMENT_KEY = 'os.environ["PASSERELLE_KEY"]';
const BEARER = `f"Bearer {os.environ['PASSERELLE_KEY']}"`;

/** La requête, en Python : par le SDK d'OpenAI, par httpx, ou par un WebSocket. */
export function python({ http, socket }: Sketch, target: ServerAccess): { python?: string } {
  if (socket) return { python: overSocket(socket, target) };
  if (!http?.shown) return {};
  return { python: http.sdk ? withSdk(http, http.shown, target) : withHttpx(http, http.shown, target) };
}

/** Un programme : la bibliothèque standard d'abord, le reste ensuite. */
export function program(standard: (string | false)[], others: string[], body: string): string {
  const kept = standard.filter((line) => line !== false).toSorted((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
  return `${[kept, others]
    .map((lines) => lines.map((line) => `${line}\n`).join(""))
    .filter(Boolean)
    .join("\n")}${body}`;
}

const rank = (line: string) => (line.startsWith("import ") ? 0 : 1);

/** Ce qui s'affiche de `root` ; `read` écrit un chemin. */
export function shown(
  { each, values, pieces }: Shown,
  root: string,
  read: (root: string, path: string) => string,
): string {
  const [list, name] = each ?? [];
  const rows = values.map((path) => read(name ?? root, path));
  const print = pieces ? `print(${rows}, end="", flush=True)` : pythonRows("print(", rows, ")");
  return each ? `for ${name} in ${list ? read(root, list) : root}:\n${indented(print, 4)}` : print;
}

/** Un attribut ; ce qui peut manquer vaut None. */
export const attribute = (root: string, path: string) => attributeOr(root, path, "or");

/** Une entrée de JSON ; ce qui peut manquer n'y est pas. */
function entry(root: string, path: string): string {
  const steps = path.replace("?", "").split(".");
  const last = steps.pop();
  const place = root + steps.map((step) => `["${step}"]`).join("");
  return path.endsWith("?") ? `${place}.get("${last}", "")` : `${place}["${last}"]`;
}

const READER = `
def image(name, mime_type):
    data = base64.b64encode(Path(name).read_bytes()).decode()
    return f"data:{mime_type};base64,{data}"

`;

function withSdk(http: Http, show: Shown, { base, keyed }: ServerAccess): string {
  const { sdk = "", json = {}, args = json } = http;
  const call = Array.isArray(args)
    ? `client.${sdk}(${args.map((one) => pythonLiteral(one)).join(", ")})`
    : pythonLiteral(new Call(`client.${sdk}`, args));
  const files = filesIn(args);
  const pictures = files.some(({ mimeType }) => mimeType);
  const read = isStream(http)
    ? `stream = ${call}\nfor chunk in stream:\n${indented(shown(show, "chunk", attribute), 4)}`
    : show.each?.[0] === ""
      ? shown(show, call, attribute)
      : `answer = ${call}\n${shown(show, "answer", attribute)}`;
  return program(
    [pictures && "import base64", keyed && "import os", files.length > 0 && "from pathlib import Path"],
    ["from openai import OpenAI"],
    `${pictures ? READER : ""}
client = OpenAI(base_url="${base}/v1", api_key=${keyed ? ENVIRONMENT_KEY : '"aucune"'})
${read}
`,
  );
}

function withHttpx({ path, form = {}, file = "" }: Http, show: Shown, { base, keyed }: ServerAccess): string {
  return program(
    ["import json", keyed && "import os"],
    ["import httpx"],
    `
call = httpx.stream(
    "POST",
    ${pythonLiteral(base + path)},${keyed ? `\n    headers={"Authorization": ${BEARER}},` : ""}
    data=${pythonLiteral(form, 4)},
    files={"file": open(${pythonLiteral(file)}, "rb")},
    timeout=None,
)
with call as answer:
    if answer.is_error:
        answer.read()
        raise SystemExit(answer.json()["error"]["message"])
    for line in answer.iter_lines():
        if not line.startswith("data: "):
            continue
        event = json.loads(line.removeprefix("data: "))
        if "error" in event:
            raise SystemExit(event["error"]["message"])
        if event["type"] == "result":
${indented(shown(show, 'event["result"]', entry), 12)}
`,
  );
}

function overSocket(socket: Socket, target: ServerAccess): string {
  const { path, file } = socket;
  const first = opening(socket, "audio.getframerate()", "audio.getnchannels()", target.keyed && ENVIRONMENT_KEY);
  return program(
    ["import json", target.keyed && "import os", "import threading", "import wave"],
    ["from websockets.sync.client import connect"],
    `

def send(socket, audio):
    while chunk := audio.readframes(audio.getframerate() // 10):
        socket.send(chunk)
    socket.send('{"type": "end"}')


with wave.open(${pythonLiteral(file)}, "rb") as audio, connect("${socketUrl(target, path)}") as socket:
    config = ${pythonLiteral(first, 4)}
    socket.send(json.dumps(config))
    sending = threading.Thread(target=send, args=(socket, audio), daemon=True)
    sending.start()
    for message in socket:
        event = json.loads(message)
        if event["type"] == "final":
            print(event["text"], flush=True)
        elif event["type"] == "error":
            raise SystemExit(event["message"])
`,
  );
}
