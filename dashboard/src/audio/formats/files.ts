import type { AudioResult } from "../job/events";
import { written } from "./written";

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
