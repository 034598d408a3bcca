// Les événements SSE de /api/audio/transcribe et /api/diarization/process, lus à mesure.

/** Segment de texte ; instants en secondes. */
export interface Segment {
  index: number;
  start: number;
  end: number;
  text: string;
  speaker?: string;
}

/** Tour de parole ; instants en secondes. */
export interface Turn {
  speaker: string;
  start: number;
  end: number;
}

/** Résultat d'une transcription ou d'une diarisation. */
export interface AudioResult {
  duration: number;
  language?: string;
  text?: string;
  segments?: Segment[];
  turns?: Turn[];
}

/** Ce que le serveur dit pendant et après un travail. */
export type AudioEvent =
  | { type: "progress"; stage: string; completed_ratio?: number }
  | { type: "segment"; segment: Segment }
  | { type: "result"; result: AudioResult }
  | { type: "error"; message: string };

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
  const value = JSON.parse(data) as AudioEvent | { error: { message: string } };
  return "error" in value ? { type: "error", message: value.error.message } : value;
}
