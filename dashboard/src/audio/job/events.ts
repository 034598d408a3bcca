// Les événements SSE de /api/audio/transcribe et /api/diarization/process, lus à mesure ; instants en secondes.

/** Intervalle de temps. */
export interface Span {
  start: number;
  end: number;
}

/** Mot, avec ses bornes. */
export interface Word extends Span {
  text: string;
}

/** Segment de texte. */
export interface Segment extends Span {
  index: number;
  text: string;
  speaker?: string;
  words?: Word[];
}

/** Tour de parole. */
export interface Turn extends Span {
  speaker: string;
}

/** Résultat d'une transcription ou d'une diarisation. */
export interface AudioResult {
  id: string;
  duration: number;
  language?: string;
  language_probability?: number;
  language_assumed?: boolean;
  text?: string;
  segments?: Segment[];
  turns?: Turn[];
  exclusive_turns?: Turn[];
  coverage?: { speech_without_words: Span[] };
}

/** Ce que le serveur dit pendant et après un travail. */
export type AudioEvent =
  | { type: "progress"; stage: string; completed_ratio?: number }
  | { type: "segment"; segment: Segment }
  | { type: "result"; result: AudioResult; json: string }
  | { type: "error"; message: string };

const RESULT = '{"type":"result","result":';

/** Découpe un flux SSE reçu par morceaux quelconques en événements. */
export class EventReader {
  private rest = "";

  /** Événements que ce texte complète. */
  push(text: string): AudioEvent[] {
    const blocks = (this.rest + text).split("\n\n");
    this.rest = blocks.pop() ?? "";
    return blocks.filter((block) => block.startsWith("data: ")).map((block) => parse(block.slice(6)));
  }
}

function parse(data: string): AudioEvent {
  if (data.startsWith(RESULT)) {
    // Le texte du serveur se garde : relire puis réécrire ses nombres les changerait (1.0 deviendrait 1).
    const json = data.slice(RESULT.length, -1);
    return { type: "result", result: JSON.parse(json) as AudioResult, json };
  }
  const value = JSON.parse(data) as AudioEvent | { error: { message: string } };
  return "error" in value ? { type: "error", message: value.error.message } : value;
}
