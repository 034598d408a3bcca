// Le texte d'un flux, tel que ses événements le disent.
import { type Duration, durationMs } from "@bufbuild/protobuf/wkt";
import type { AudioResult, Segment, Word } from "../../audio/job/send";
import { joined, slices } from "../../audio/slices";
import type { SpeakerRevision } from "../../gen/passerelle/v1/speakers_pb";
import type { StreamTranscribeResponse } from "../../gen/passerelle/v1/transcribe_pb";

export interface Transcript {
  id: string;
  model: string;
  /** Phrases finies, qui ne changent plus. */
  finals: Segment[];
  /** Texte provisoire de la phrase en cours. */
  partial: string;
  /** Locuteur supposé de cette phrase ; absent si les locuteurs ne sont pas demandés. */
  speaker: string | undefined;
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
  speaker: undefined,
  speaking: false,
  language: "",
  unheard: 0,
  duration: undefined,
};

/** Le texte après un événement ; `phrases` : celles des flux qui précèdent celui-ci. */
export function after(before: Transcript, { event }: StreamTranscribeResponse, phrases = 0): Transcript {
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
      return { ...before, partial: kept + event.value.text, speaker: event.value.speakerLabel };
    }
    case "final": {
      const { index, text, startOffset, endOffset, words, speakerLabel } = event.value;
      const final: Segment = {
        index: phrases + index,
        text,
        start: secondsOf(startOffset),
        end: secondsOf(endOffset),
        words: words.map((word) => ({
          text: word.text,
          start: secondsOf(word.startOffset),
          end: secondsOf(word.endOffset),
          ...sureness(word),
          ...(word.speakerLabel && { speaker: word.speakerLabel }),
        })),
        ...sureness(event.value),
        ...(speakerLabel && { speaker: speakerLabel }),
      };
      return { ...before, partial: "", finals: text ? [...before.finals, final] : before.finals };
    }
    case "speakerRevisions":
      return { ...before, finals: revised(before.finals, event.value.revisions, phrases) };
    case "summary": {
      const { language, coverage, speakerRevisions } = event.value;
      return {
        ...before,
        finals: revised(before.finals, speakerRevisions, phrases),
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

function sureness({ confidence, lowConfidence }: { confidence?: number; lowConfidence: boolean }) {
  return { ...(confidence !== undefined && { confidence }), ...(lowConfidence && { low_confidence: true }) };
}

/** Durée protobuf, en secondes. */
export function secondsOf(duration: Duration | undefined): number {
  return duration ? durationMs(duration) / 1000 : 0;
}

/** Les phrases, une fois leurs mots rendus à leurs locuteurs ; le texte ne change pas. */
function revised(finals: Segment[], revisions: SpeakerRevision[], phrases: number): Segment[] {
  if (revisions.length === 0) return finals;
  return finals.map((final) => {
    const mine = revisions.filter(({ utteranceIndex }) => phrases + utteranceIndex === final.index);
    if (mine.length === 0 || !final.words) return final;
    const words = final.words.map((word, rank) => {
      const one = mine.findLast(({ firstWord, wordCount }) => rank >= firstWord && rank < firstWord + wordCount);
      return one ? { ...word, speaker: one.toLabel } : word;
    });
    return { ...final, words, speaker: most(words.map(({ speaker }) => speaker)) ?? final.speaker };
  });
}

/** Le plus fréquent, le premier venu à égalité. */
function most(labels: (string | undefined)[]): string | undefined {
  const counts = new Map<string | undefined, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return [...counts].reduce((best, one) => (one[1] > best[1] ? one : best), [undefined, 0])[0];
}

/** Suite d'une phrase dite par un seul locuteur. */
export interface Part {
  speaker: string | undefined;
  start: number;
  text: string;
  /** Le même texte, en tranches sûres ou à vérifier, s'il y a à vérifier. */
  pieces?: Piece[];
}

/** Tranche d'un texte. */
export interface Piece {
  text: string;
  /** Confiance de ce qui est à vérifier ; absente de ce qui est sûr. */
  doubt?: { confidence: number | undefined };
}

/** Une phrase, coupée là où son locuteur change : la suite des textes est le sien. */
export function partsOf({ text, start, speaker, words, low_confidence }: Segment): Part[] {
  if (!words?.length) {
    const pieces = low_confidence && [{ text, doubt: { confidence: undefined } }];
    return [{ speaker, start, text, ...(pieces && { pieces }) }];
  }
  const parts: (Part & { pieces: Piece[] })[] = [];
  slices(text, words).forEach((slice, rank) => {
    const word = words[rank];
    const last = parts.at(-1);
    const pieces = piecesOf(slice, word);
    if (last && (!speaker || (word?.speaker ?? last.speaker) === last.speaker)) {
      last.text += slice;
      last.pieces.push(...pieces);
    } else {
      const at = parts.length === 0 ? start : (word?.start ?? start);
      parts.push({ speaker: speaker && word?.speaker, start: at, text: slice, pieces });
    }
  });
  return parts.map(({ pieces, ...part }) => (pieces.some(({ doubt }) => doubt) ? { ...part, pieces } : part));
}

/** Un mot et l'espace qui le suit, que rien ne souligne. */
function piecesOf(slice: string, word: Word | undefined): Piece[] {
  if (!word?.low_confidence) return [{ text: slice }];
  const text = slice.trimEnd();
  return [{ text, doubt: { confidence: word.confidence } }, { text: slice.slice(text.length) }];
}
