// Un flux de direct, comme on l'ouvrirait soi-même, depuis un fichier WAV de 16 bits.
import { sketchFor } from "../audio/job/snippets";
import { type StreamTranscribeConfig, TranscribeService } from "../gen/passerelle/v1/transcribe_pb";
import { Code, type Fields } from "../snippets/literals";
import type { SnippetTexts } from "../snippets/Snippets";
import type { ServerAccess, Sketch } from "../snippets/sketch";
import { written } from "../snippets/write";
import { jsonOf } from "./session/socket";

const FILE = "parole.wav";

/** Les extraits d'un flux. */
export function snippetsOf(sent: StreamTranscribeConfig, target: ServerAccess): SnippetTexts {
  return written(sketchOf(sent), target);
}

/** Le flux, à la fréquence du fichier près. */
export function sketchOf(sent: StreamTranscribeConfig) {
  const { config } = jsonOf(sent) as { config: Fields & { model: string; language?: string } };
  const { audio_format: _, ...settings } = config;
  const phrases = sent.config?.phrases ?? [];
  const fields = {
    model: config.model,
    ...(config.language && { language: config.language }),
    ...(config.word_timestamps === true && { word_timestamps: "true" }),
    ...(config.diarization !== undefined && { diarize: "true" }),
    ...Object.fromEntries(phrases.map((one, rank) => [`phrases[${rank}]`, one])),
    stream: "true",
  };
  const { method, path, form, file } = sketchFor(
    { task: "transcribe", path: "/api/audio/transcribe", fields },
    FILE,
  ).http;
  const audio_format = {
    encoding: "AUDIO_ENCODING_PCM_S16LE",
    sample_rate_hertz: new Code("audio.getframerate()"),
    channel_count: new Code("audio.getnchannels()"),
  };
  return {
    // curl n'envoie rien par un WebSocket : le même fichier, à la route des fichiers.
    http: {
      method,
      path,
      form,
      file,
      note: [
        "curl n'envoie pas de flux par un WebSocket : le fichier",
        "part entier, et le texte revient segment par segment.",
      ],
    },
    socket: { path: "/ws/transcribe", config: settings, file: FILE },
    rpc: {
      method: TranscribeService.method.streamTranscribe,
      request: { config: { config: { ...settings, audio_format } } },
      upload: { file: FILE, field: "audio", wave: true },
      when: "final",
      shown: { values: ["text"] },
    },
  } satisfies Sketch;
}
