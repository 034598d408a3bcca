// Une requête de conversation, comme on l'écrirait soi-même.
import {
  Call,
  Code,
  heredocJson,
  jsLiteral,
  jsonText,
  pythonLiteral,
  shellWord,
  type Value,
} from "../snippets/literals";
import type { SnippetTexts } from "../snippets/Snippets";
import { curlKey, nodeKey, pythonChannel, pythonKey, pythonMetadata, type ServerAccess } from "../snippets/server";
import { type Ask, type Image, imagesOf, openAiBody, partsOf } from "./ask";

/** Les extraits d'une requête ; une image y est lue dans un fichier de même nom, sans quoi ils seraient illisibles. */
export function snippetsOf(ask: Ask, target: ServerAccess): Required<SnippetTexts> {
  return { curl: curl(ask, target), python: python(ask, target), node: node(ask, target), grpc: grpc(ask, target) };
}

function curl(ask: Ask, target: ServerAccess): string {
  const call = `curl -N ${target.base}/v1/chat/completions \\
${curlKey(target)}  -H "Content-Type: application/json" \\
  --data-binary @-`;
  if (imagesOf(ask.messages).length === 0) return `${call} <<'JSON'\n${jsonText(openAiBody(ask))}\nJSON\n`;
  const body = openAiBody(ask, ({ name, mimeType }) =>
    // `-w 0` n'existe pas partout : tr retire les fins de ligne.
    coded(`"data:${mimeType};base64,$(base64 < ${shellWord(`./${name}`)} | tr -d '\\n')"`),
  );
  return `${call} <<JSON\n${heredocJson(body)}\nJSON\n`;
}

function python(ask: Ask, target: ServerAccess): string {
  const pictures = imagesOf(ask.messages).length > 0;
  const body = openAiBody(ask, ({ name, mimeType }) =>
    coded(`image(${pythonLiteral(name)}, ${pythonLiteral(mimeType)})`),
  );
  const imports = [pictures && "import base64", target.keyed && "import os", pictures && "from pathlib import Path"];
  const reader = `
def image(name, mime_type):
    data = base64.b64encode(Path(name).read_bytes()).decode()
    return f"data:{mime_type};base64,{data}"

`;
  return `${block(imports)}from openai import OpenAI
${pictures ? reader : ""}
client = OpenAI(base_url="${target.base}/v1", api_key=${pythonKey(target)})
stream = ${pythonLiteral(new Call("client.chat.completions.create", body))}
for chunk in stream:
    if chunk.choices:
        print(chunk.choices[0].delta.content or "", end="", flush=True)
`;
}

function node(ask: Ask, target: ServerAccess): string {
  const pictures = imagesOf(ask.messages).length > 0;
  const body = openAiBody(ask, ({ name, mimeType }) => coded(`image(${jsLiteral(name)}, ${jsLiteral(mimeType)})`));
  const reader = `
const image = (name, mimeType) => \`data:\${mimeType};base64,\${readFileSync(name, "base64")}\`;
`;
  return `${pictures ? 'import { readFileSync } from "node:fs";\n' : ""}import OpenAI from "openai";
${pictures ? reader : ""}
const client = new OpenAI({ baseURL: "${target.base}/v1", apiKey: ${nodeKey(target)} });
const stream = await client.chat.completions.create(${jsLiteral(body)});
for await (const chunk of stream) {
  process.stdout.write(chunk.choices[0]?.delta?.content ?? "");
}
`;
}

function grpc({ model, messages, options }: Ask, target: ServerAccess): string {
  const pictures = imagesOf(messages).length > 0;
  const request = new Call("chat_pb2.ChatRequest", {
    model,
    messages: messages.map(
      (message) =>
        new Call("chat_pb2.ChatMessage", {
          role: coded(`chat_pb2.CHAT_ROLE_${message.role.toUpperCase()}`),
          content: partsOf(message).map(part),
        }),
    ),
    options: new Call("chat_pb2.GenerationOptions", {
      max_tokens: options.maxTokens,
      temperature: options.temperature,
      top_p: options.topP,
      stop: options.stop,
      seed: options.seed,
    }),
  });
  const imports = [target.keyed && "import os", pictures && "from pathlib import Path"];
  return `${block(imports)}import grpc
from passerelle.v1 import chat_pb2, chat_pb2_grpc

request = ${pythonLiteral(request)}
with ${pythonChannel(target)} as channel:
    stub = chat_pb2_grpc.ChatServiceStub(channel)
    call = chat_pb2.StreamChatRequest(request=request)
    for message in stub.StreamChat(call${pythonMetadata(target)}):
        for delta in message.deltas:
            print(delta.content, end="", flush=True)
`;
}

function part(value: string | Image): Value {
  if (typeof value === "string") return new Call("chat_pb2.ContentPart", { text: value });
  const image = new Call("chat_pb2.ImageContent", {
    data: coded(`Path(${pythonLiteral(value.name)}).read_bytes()`),
    mime_type: value.mimeType,
  });
  return new Call("chat_pb2.ContentPart", { image });
}

function coded(text: string): Code {
  return new Code(text);
}

function block(imports: (string | false)[]): string {
  const kept = imports.filter(Boolean);
  return kept.length > 0 ? `${kept.join("\n")}\n\n` : "";
}
