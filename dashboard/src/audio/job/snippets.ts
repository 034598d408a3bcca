// La requête de la page, écrite en quatre langages ; chacun affiche ce que la page montre.
import { jsLiteral, pythonLiteral, shellWord } from "../../snippets/literals";
import type { SnippetTexts } from "../../snippets/Snippets";
import { curlKey, type ServerAccess } from "../../snippets/server";
import { grpc } from "./grpcSnippet";
import type { AudioRequest } from "./request";

/** Une requête, sur ce fichier et ce serveur. */
export type Call = AudioRequest & { file: string; target: ServerAccess };

/** Extraits de cette requête. */
export function snippetsFor(request: AudioRequest, file: string, target: ServerAccess): SnippetTexts {
  const call = { ...request, file, target };
  return { curl: curl(call), python: python(call), node: node(call), grpc: grpc(call) };
}

/** Retrait de chaque ligne, en espaces. */
export function indented(text: string, width: number): string {
  return text.replaceAll(/^(?=.)/gm, " ".repeat(width));
}

function curl({ path, fields, file, target }: Call): string {
  const form = Object.entries(fields).map(([name, value]) => {
    // `-F` lit un fichier après `@` ou `<`, et s'arrête à `;`.
    const option = /^[\w.-]*$/.test(value) ? "-F" : "--form-string";
    return `  ${option} ${shellWord(`${name}=${value}`)} \\\n`;
  });
  const quoted = file.replaceAll("\\", "\\\\").replaceAll('"', '\\"');
  const body = `${form.join("")}  -F ${shellWord(`file=@"${quoted}"`)}`;
  return `curl -N ${shellWord(target.base + path)} \\\n${curlKey(target)}${body}\n`;
}

const PYTHON_SHOWS = {
  transcribe: 'print(event["result"]["text"])',
  speakers: 'for segment in event["result"]["segments"]:\n    print(segment.get("speaker", ""), segment["text"])',
  diarize: 'for turn in event["result"]["turns"]:\n    print(turn["speaker"], turn["start"], turn["end"])',
};

function python({ task, path, fields, file, target }: Call): string {
  const key = target.keyed ? `\n    headers={"Authorization": f"Bearer {os.environ['PASSERELLE_KEY']}"},` : "";
  return `import json
${target.keyed ? "import os\n" : ""}
import httpx

call = httpx.stream(
    "POST",
    ${pythonLiteral(target.base + path)},${key}
    data=${pythonLiteral(fields, 4)},
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
${indented(PYTHON_SHOWS[task], 12)}
`;
}

const NODE_SHOWS = {
  transcribe: "console.log(event.result.text);",
  speakers: 'for (const { speaker, text } of event.result.segments) console.log(speaker ?? "", text);',
  diarize: "for (const { speaker, start, end } of event.result.turns) console.log(speaker, start, end);",
};

function node({ task, path, fields, file, target }: Call): string {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: l'extrait porte ce gabarit tel quel.
  const key = target.keyed ? "\n  headers: { Authorization: `Bearer ${process.env.PASSERELLE_KEY}` }," : "";
  return `import { openAsBlob } from "node:fs";

const form = new FormData();
const fields = ${jsLiteral(fields)};
for (const [name, value] of Object.entries(fields)) form.append(name, value);
form.append("file", await openAsBlob(${jsLiteral(file)}));

const answer = await fetch(${jsLiteral(target.base + path)}, {
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
${indented(NODE_SHOWS[task], 6)}
    }
  }
}
`;
}
