import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { diarize, transcribe } from "../../api/client";
import { type DiarizeResponse, DiarizeResponseSchema } from "../../gen/passerelle/v1/diarize_pb";
import { type TranscribeResponse, TranscribeResponseSchema } from "../../gen/passerelle/v1/transcribe_pb";
import type { AudioResult, Span } from "../job/send";

/** Un fichier à télécharger. */
export interface Download {
  extension: "srt" | "vtt" | "txt" | "rttm" | "json";
  label: string;
  type: string;
  /** Texte du fichier ; `json` est la réponse, telle que le serveur l'a écrite. */
  write: (result: AudioResult, json: string) => string | Promise<string>;
}

const JSON_FILE: Download = {
  extension: "json",
  label: "JSON",
  type: "application/json",
  write: (_result, json) => json,
};

/** Fichiers d'un résultat. */
export function filesOf(result: AudioResult): Download[] {
  return result.turns
    ? [asked("rttm", "RTTM", "text/plain"), JSON_FILE]
    : [
        asked("srt", "SRT", "application/x-subrip"),
        asked("vtt", "VTT", "text/vtt"),
        { extension: "txt", label: "Texte", type: "text/plain", write: ({ text }) => `${text ?? ""}\n` },
        JSON_FILE,
      ];
}

/** Fichier que le serveur écrit. */
function asked(extension: "srt" | "vtt" | "rttm", label: string, type: string): Download {
  return { extension, label, type, write: (result) => written(result, extension) };
}

/** Nom du fichier téléchargé : celui de l'audio, sans son extension. */
export function nameFor(audio: string, { extension }: Download): string {
  return `${audio.replace(/(.)\.[^.]*$/, "$1")}.${extension}`;
}

// Les fichiers d'un résultat : c'est le serveur qui les écrit, d'après le message qu'on lui refait (server/formats/).

/** Texte d'une forme de ce résultat. */
export async function written(result: AudioResult, format: string): Promise<string> {
  const formats = [format];
  const { forms } = result.turns
    ? await diarize.writeDiarization({ diarization: typedTurns(result), formats })
    : await transcribe.writeTranscript({ transcript: typedTranscript(result), formats });
  return forms[0]?.text ?? "";
}

/** Le message d'une transcription, en ce que ses formes écrivent. */
export function typedTranscript({ id, language = "", text = "", duration, segments }: AudioResult): TranscribeResponse {
  return create(TranscribeResponseSchema, {
    id,
    language,
    text,
    duration: time(duration),
    segments: (segments ?? []).map(({ index, text, speaker, words, ...span }) => ({
      index,
      text,
      ...(speaker && { speakerLabel: speaker }),
      ...offsets(span),
      words: (words ?? []).map((word) => ({
        text: word.text,
        ...offsets(word),
        // Une phrase de direct a parfois plusieurs locuteurs : le serveur la coupe d'après ses mots.
        ...(word.speaker && word.speaker !== speaker && { speakerLabel: word.speaker }),
      })),
    })),
  });
}

/** Le message d'une diarisation, de même. */
export function typedTurns({ id, duration, turns }: AudioResult): DiarizeResponse {
  return create(DiarizeResponseSchema, {
    id,
    duration: time(duration),
    turns: (turns ?? []).map((turn) => ({ speakerLabel: turn.speaker, ...offsets(turn) })),
  });
}

function offsets({ start, end }: Span) {
  return { startOffset: time(start), endOffset: time(end) };
}

function time(seconds: number) {
  return durationFromMs(Math.round(1000 * seconds));
}
