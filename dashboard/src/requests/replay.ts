// Une requête du registre, comme on la referait : ses options sont les siennes, ses contenus sont à remplir.
import { create } from "@bufbuild/protobuf";
import { sketchFor } from "../audio/job/snippets";
import { ChatService } from "../gen/passerelle/v1/chat_pb";
import { type Request, type RequestOptions, RequestOptionsSchema, RequestSort } from "../gen/passerelle/v1/requests_pb";
import { StreamTranscribeConfigSchema } from "../gen/passerelle/v1/transcribe_pb";
import { sketchOf as liveSketch } from "../live/snippets";
import { type Fields, LocalFile } from "../snippets/literals";
import type { SnippetTexts } from "../snippets/Snippets";
import type { Rpc, ServerAccess, Sketch } from "../snippets/sketch";
import { written } from "../snippets/write";

/** Ce qui tient lieu de contenu : le registre n'en garde aucun. */
export const TEXT = "VOTRE TEXTE";
export const FILE = "votre-audio.wav";

/** Extraits d'une requête ; absents si elle a été refusée avant d'être menée à un modèle. */
export function replayOf(request: Request, target: ServerAccess): SnippetTexts | undefined {
  const { model, sort, stream } = request;
  if (!model) return undefined;
  const options = request.options ?? create(RequestOptionsSchema);
  const sketch = sketchOf(sort, { model, stream, options });
  return sketch && written(sketch, target);
}

interface Told {
  model: string;
  stream: boolean;
  options: RequestOptions;
}

function sketchOf(sort: RequestSort, told: Told): Sketch | undefined {
  switch (sort) {
    case RequestSort.CHAT:
      return chat(told);
    case RequestSort.COMPLETION:
      return completion(told);
    case RequestSort.TRANSCRIBE:
      return transcription(told);
    case RequestSort.DIARIZE:
      return sketchFor(
        { task: "diarize", path: "/api/diarization/process", fields: { ...audioFields(told), stream: "true" } },
        FILE,
      );
    case RequestSort.LIVE:
      return live(told);
    default:
      return undefined;
  }
}

/** Les réglages de génération, sous le nom que leur donnent OpenAI et le contrat. */
function generation({ options }: Told): Fields {
  return {
    max_tokens: options.maxTokens,
    temperature: options.temperature,
    top_p: options.topP,
    n: options.n,
    // En JavaScript, un entier au-delà de 2^53 ne s'écrit pas exactement.
    seed: options.seed === undefined ? undefined : Number(options.seed),
    presence_penalty: options.presencePenalty,
    frequency_penalty: options.frequencyPenalty,
  };
}

const STREAMED = { stream: true, stream_options: { include_usage: true } };
const SCHEMA = { name: "reponse", schema: { type: "object" } };

/** Forme imposée à la réponse ; le schéma est à remplir. */
function formats({ format }: RequestOptions): { http?: Fields; rpc?: Fields } {
  if (format === "json_object") return { http: { type: format }, rpc: { json_object: true } };
  if (format === "json_schema")
    return {
      http: { type: format, json_schema: SCHEMA },
      rpc: { json_schema: SCHEMA },
    };
  return {};
}

function chat(told: Told): Sketch {
  const { model, stream, options } = told;
  const { http, rpc } = formats(options);
  const tool = { name: "OUTIL", description: TEXT };
  return {
    http: {
      method: "POST",
      path: "/v1/chat/completions",
      sdk: "chat.completions.create",
      json: {
        model,
        messages: [{ role: "user", content: TEXT }],
        ...generation(told),
        response_format: http,
        tools: options.tools > 0 ? [{ type: "function", function: tool }] : undefined,
        ...(stream && STREAMED),
      },
      shown: stream
        ? { each: ["choices", "choice"], values: ["delta.content?"], pieces: true }
        : { each: ["choices", "choice"], values: ["message.content"] },
    },
    rpc: {
      method: stream ? ChatService.method.streamChat : ChatService.method.chat,
      request: wrapped(stream, {
        model,
        messages: [{ role: "CHAT_ROLE_USER", content: [{ text: TEXT }] }],
        options: generation(told),
        response_format: rpc,
        tools: options.tools > 0 ? [tool] : undefined,
      }),
      shown: stream
        ? { each: ["deltas", "delta"], values: ["content"], pieces: true }
        : { each: ["choices", "choice"], values: [options.tools > 0 ? "message" : "message.content.0.text"] },
    } as Rpc,
  };
}

function completion(told: Told): Sketch {
  const { model, stream } = told;
  return {
    http: {
      method: "POST",
      path: "/v1/completions",
      sdk: "completions.create",
      json: { model, prompt: TEXT, ...generation(told), ...(stream && STREAMED) },
      shown: { each: ["choices", "choice"], values: ["text"], ...(stream && { pieces: true }) },
    },
    rpc: {
      method: stream ? ChatService.method.streamComplete : ChatService.method.complete,
      request: wrapped(stream, { model, prompt: TEXT, options: generation(told) }),
      shown: stream
        ? { each: ["deltas", "delta"], values: ["text"], pieces: true }
        : { each: ["choices", "choice"], values: ["text"] },
    } as Rpc,
  };
}

/** Un flux porte la demande dans son champ. */
function wrapped(stream: boolean, request: Fields): Fields {
  return stream ? { request } : request;
}

/** Les réglages d'un fichier, tels qu'un formulaire les porte. */
function audioFields({ model, options }: Told): Record<string, string> {
  const given: [string, string | number | undefined][] = [
    ["language", options.language || undefined],
    ["task", options.translate ? "translate" : undefined],
    ["target_language", options.translate ? options.targetLanguage || undefined : undefined],
    ["word_timestamps", options.wordTimestamps ? "true" : undefined],
    ["punctuation", options.punctuation === false ? "false" : undefined],
    ["temperature", options.temperature],
    ["diarize", options.speakers ? "true" : undefined],
    ["num_speakers", options.numSpeakers],
    ["min_speakers", options.minSpeakers],
    ["max_speakers", options.maxSpeakers],
  ];
  return {
    model,
    ...Object.fromEntries(given.flatMap(([name, value]) => (value === undefined ? [] : [[name, `${value}`]]))),
  };
}

/** Formes que la réponse au fil de l'eau n'a pas. */
const WHOLE = new Set(["text", "srt", "vtt", "verbose_json"]);

function transcription(told: Told): Sketch {
  const { options, model } = told;
  const task = options.speakers ? "speakers" : "transcribe";
  const fields = audioFields(told);
  const found = sketchFor({ task, path: "/api/audio/transcribe", fields: { ...fields, stream: "true" } }, FILE);
  if (!WHOLE.has(options.format) || options.speakers || options.translate) return found;
  // Le SDK d'OpenAI sait demander une forme écrite.
  const form = { model, ...pick(fields, ["language", "temperature"]), response_format: options.format };
  return {
    ...found,
    http: {
      method: "POST",
      path: "/v1/audio/transcriptions",
      form,
      file: FILE,
      sdk: "audio.transcriptions.create",
      args: { ...form, temperature: options.temperature, file: new LocalFile(FILE) },
      shown: { values: [options.format === "verbose_json" ? "text" : ""] },
    },
  };
}

function pick(fields: Record<string, string>, names: string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => names.includes(name)));
}

function live({ model, options: { language, wordTimestamps } }: Told): Sketch {
  const config = { model, ...(language && { language }), ...(wordTimestamps && { wordTimestamps }) };
  return liveSketch(create(StreamTranscribeConfigSchema, { config }));
}
