// Le texte d'un flux, tel que ses événements le disent.
import { type Duration, durationMs } from "@bufbuild/protobuf/wkt";
import type { AudioResult, Segment } from "../../audio/job/send";
import { joined } from "../../audio/slices";
import type { StreamTranscribeResponse } from "../../gen/passerelle/v1/transcribe_pb";

export interface Transcript {
  id: string;
  model: string;
  /** Phrases finies, qui ne changent plus. */
  finals: Segment[];
  /** Texte provisoire de la phrase en cours. */
  partial: string;
  /** Vrai entre un début et une fin de parole. */
  speaking: boolean;
  language: string;
  /** Prises de parole sans mot, d'après le bilan. */
  unheard: number;
  /** Durée analysée, en secondes, d'après le bilan ; absente avant lui. */
  duration: number | undefined;
}

export const EMPTY: Transcript = {
  id: "",
  model: "",
  finals: [],
  partial: "",
  speaking: false,
  language: "",
  unheard: 0,
  duration: undefined,
};

/** Le texte après un événement. */
export function after(before: Transcript, { event }: StreamTranscribeResponse): Transcript {
  switch (event.case) {
    case "ready":
      return { ...before, id: event.value.id, model: event.value.model };
    case "speechStart":
      return { ...before, speaking: true };
    case "speechEnd":
      return { ...before, speaking: false };
    case "partial": {
      // Des points de code : `slice` couperait un caractère en deux.
      const kept = [...before.partial].slice(0, event.value.keptLength).join("");
      return { ...before, partial: kept + event.value.text };
    }
    case "final": {
      const { index, text, startOffset, endOffset, words } = event.value;
      const final = {
        index,
        text,
        start: secondsOf(startOffset),
        end: secondsOf(endOffset),
        words: words.map((word) => ({
          text: word.text,
          start: secondsOf(word.startOffset),
          end: secondsOf(word.endOffset),
        })),
      };
      return { ...before, partial: "", finals: text ? [...before.finals, final] : before.finals };
    }
    case "summary": {
      const { language, coverage } = event.value;
      return {
        ...before,
        partial: "",
        speaking: false,
        language,
        unheard: coverage?.speechWithoutWords.length ?? 0,
        duration: secondsOf(coverage?.coveredDuration),
      };
    }
    default:
      return before;
  }
}

/** Le même texte, à la forme que rend une transcription de fichier. */
export function resultOf({ id, finals, language, duration }: Transcript): AudioResult {
  return {
    id,
    duration: duration ?? finals.at(-1)?.end ?? 0,
    language,
    text: joined(finals.map(({ text }) => text)),
    segments: finals,
  };
}

/** Durée protobuf, en secondes. */
export function secondsOf(duration: Duration | undefined): number {
  return duration ? durationMs(duration) / 1000 : 0;
}
