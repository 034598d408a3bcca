import type { AudioResult } from "../job/events";
import { rttm } from "./rttm";
import { srt, vtt } from "./subtitles";

/** Un fichier à télécharger. */
export interface Download {
  extension: "srt" | "vtt" | "txt" | "rttm" | "json";
  label: string;
  type: string;
  /** Texte du fichier ; `json` est la réponse, telle que le serveur l'a écrite. */
  write: (result: AudioResult, json: string) => string;
}

const JSON_FILE: Download = {
  extension: "json",
  label: "JSON",
  type: "application/json",
  write: (_result, json) => json,
};

/** Fichiers d'une transcription. */
export const TRANSCRIPT_FILES: Download[] = [
  { extension: "srt", label: "SRT", type: "application/x-subrip", write: srt },
  { extension: "vtt", label: "VTT", type: "text/vtt", write: vtt },
  { extension: "txt", label: "Texte", type: "text/plain", write: (result) => `${result.text ?? ""}\n` },
  JSON_FILE,
];

/** Fichiers d'une diarisation. */
export const TURN_FILES: Download[] = [
  { extension: "rttm", label: "RTTM", type: "text/plain", write: rttm },
  JSON_FILE,
];

/** Nom du fichier téléchargé : celui de l'audio, sans son extension. */
export function nameFor(audio: string, { extension }: Download): string {
  return `${audio.replace(/(.)\.[^.]*$/, "$1")}.${extension}`;
}
