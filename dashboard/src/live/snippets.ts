// Un flux de direct, comme on l'ouvrirait soi-même, depuis un fichier WAV de 16 bits.
import { snippetsFor } from "../audio/job/snippets";
import type { StreamTranscribeConfig } from "../gen/passerelle/v1/transcribe_pb";
import { Call, Code, type Fields, jsLiteral, pythonLiteral } from "../snippets/literals";
import type { SnippetTexts } from "../snippets/Snippets";
import { pythonChannel, pythonMetadata, type ServerAccess } from "../snippets/server";
import { jsonOf } from "./session/socket";

/** Réglages d'un flux ; la forme du son est celle du fichier. */
type Config = { model: string; language?: string; word_timestamps?: boolean };
type Ask = { config: Config; target: ServerAccess };

const FILE = "parole.wav";

/** Les extraits d'un flux, à la fréquence du fichier près. */
export function snippetsOf(sent: StreamTranscribeConfig, target: ServerAccess): SnippetTexts {
  const { config } = jsonOf(sent) as { config: Config & { audio_format?: unknown } };
  const { audio_format: _, ...settings } = config;
  const ask = { config: settings, target };
  return { curl: curl(ask), python: python(ask), node: node(ask), grpc: grpc(ask) };
}

/** curl n'envoie rien par un WebSocket : le même fichier, à la route des fichiers, qui rend chaque segment dès qu'il est là. */
function curl({ config: { model, language, word_timestamps }, target }: Ask): string {
  const fields = {
    model,
    ...(language && { language }),
    ...(word_timestamps && { word_timestamps: "true" }),
    stream: "true",
  };
  const { curl } = snippetsFor({ task: "transcribe", path: "/api/audio/transcribe", fields }, FILE, target);
  return `# curl n'envoie pas de flux par un WebSocket : le fichier\n# part entier, et le texte revient segment par segment.\n${curl}`;
}

function address({ base }: ServerAccess): string {
  return `${base.replace(/^http/, "ws")}/ws/transcribe`;
}

/** Le premier message ; `rate` et `channels` sont le code qui lit l'en-tête du fichier. */
function first({ config, target }: Ask, rate: string, channels: string, key: string): Fields {
  const audio_format = {
    encoding: "AUDIO_ENCODING_PCM_S16LE",
    sample_rate_hertz: new Code(rate),
    channel_count: new Code(channels),
  };
  return {
    type: "config",
    api_key: target.keyed ? new Code(key) : undefined,
    config: { config: { ...config, audio_format } },
  };
}

function python(ask: Ask): string {
  const { target } = ask;
  const message = first(ask, "audio.getframerate()", "audio.getnchannels()", 'os.environ["PASSERELLE_KEY"]');
  return `import json
${target.keyed ? "import os\n" : ""}import threading
import wave

from websockets.sync.client import connect


def send(socket, audio):
    while chunk := audio.readframes(audio.getframerate() // 10):
        socket.send(chunk)
    socket.send('{"type": "end"}')


with wave.open(${JSON.stringify(FILE)}, "rb") as audio, connect("${address(target)}") as socket:
    config = ${pythonLiteral(message, 4)}
    socket.send(json.dumps(config))
    sending = threading.Thread(target=send, args=(socket, audio), daemon=True)
    sending.start()
    for message in socket:
        event = json.loads(message)
        if event["type"] == "final":
            print(event["text"], flush=True)
        elif event["type"] == "error":
            raise SystemExit(event["message"])
`;
}

function node(ask: Ask): string {
  const { target } = ask;
  const message = first(ask, "wav.readUInt32LE(24)", "wav.readUInt16LE(22)", "process.env.PASSERELLE_KEY");
  return `import { readFileSync } from "node:fs";
import WebSocket from "ws";

const wav = readFileSync(${JSON.stringify(FILE)}); // en-tête simple, de 44 octets
const config = ${jsLiteral(message)};
const socket = new WebSocket("${address(target)}");
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

function grpc({ config, target }: Ask): string {
  const common = new Call("transcribe_pb2.TranscribeConfig", {
    ...config,
    audio_format: new Call("audio_pb2.AudioFormat", {
      encoding: new Code("audio_pb2.AUDIO_ENCODING_PCM_S16LE"),
      sample_rate_hertz: new Code("audio.getframerate()"),
      channel_count: new Code("audio.getnchannels()"),
    }),
  });
  const settings = new Call("transcribe_pb2.StreamTranscribeConfig", { config: common });
  return `${target.keyed ? "import os\n" : ""}import wave

import grpc
from passerelle.v1 import audio_pb2, transcribe_pb2, transcribe_pb2_grpc

Request = transcribe_pb2.StreamTranscribeRequest


def requests(audio):
    config = ${pythonLiteral(settings, 4)}
    yield Request(config=config)
    while chunk := audio.readframes(audio.getframerate() // 10):
        yield Request(audio=chunk)


with wave.open(${JSON.stringify(FILE)}, "rb") as audio, ${pythonChannel(target)} as channel:
    service = transcribe_pb2_grpc.TranscribeServiceStub(channel)
    for event in service.StreamTranscribe(requests(audio)${pythonMetadata(target)}):
        if event.HasField("final"):
            print(event.final.text, flush=True)
`;
}
