import { accessKey } from "../../api/accessKey";
import { httpFailure, messageOf, ShownError } from "../../api/errors";
import { underway } from "../../shell/underway";
import { T } from "../texts";
import type { AudioRequest } from "./request";

/** Ce qui arrive pendant un envoi. */
export type Step = AudioEvent | { type: "sent"; bytes: number; total: number };

/** Mène une requête ; rend les étapes à mesure, et finit au résultat. */
export type Send = (request: AudioRequest, file: File, signal: AbortSignal, on: (step: Step) => void) => Promise<void>;

/** Envoie par XMLHttpRequest : `fetch` ne dit pas ce qui est déjà parti. Abandonner ferme la connexion, donc le travail. */
export const send: Send = (request, file, signal, on) => {
  const end = underway();
  return new Promise<void>((resolve, reject) => {
    const call = new XMLHttpRequest();
    const events = new EventReader();
    let read = 0;
    let sent = false;
    let heard = false;
    let done = false;

    function take() {
      // Un refus est un objet JSON, non un flux.
      if (call.status !== 200) return;
      heard = true;
      const text = call.responseText;
      for (const event of events.push(text.slice(read))) {
        if (event.type === "error") return finish(new ShownError(event.message));
        done ||= event.type === "result";
        on(event);
      }
      read = text.length;
    }

    function finish(failure?: Error) {
      signal.removeEventListener("abort", abort);
      if (failure) reject(failure);
      else resolve();
      call.abort();
    }

    function abort() {
      finish(new DOMException("annulé", "AbortError"));
    }

    call.upload.onprogress = ({ loaded, total }) => on({ type: "sent", bytes: loaded, total });
    call.upload.onload = ({ loaded }) => {
      sent = true;
      on({ type: "sent", bytes: loaded, total: loaded });
    };
    call.onprogress = take;
    call.onload = () => {
      take();
      if (call.status !== 200) finish(httpFailure(call.status, call.responseText));
      else finish(done ? undefined : new ShownError(T.interrupted));
    };
    call.onerror = () => {
      // Le code HTTP est alors effacé : ce qui était déjà passé dit seul où la connexion s'est rompue.
      finish(new ShownError(heard ? T.interrupted : sent ? messageOf(new TypeError()) : T.uploadBroken));
    };
    signal.addEventListener("abort", abort);

    call.open("POST", request.path);
    const key = accessKey();
    if (key) call.setRequestHeader("authorization", `Bearer ${key}`);
    call.send(formOf(request, file));
  }).finally(end);
};

function formOf({ fields }: AudioRequest, file: File): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append("file", file);
  return form;
}

// Les événements SSE de /api/audio/transcribe et /api/diarization/process, lus à mesure ; instants en secondes.

/** Intervalle de temps. */
export interface Span {
  start: number;
  end: number;
}

/** Mot, avec ses bornes. */
export interface Word extends Span {
  text: string;
  confidence?: number;
  /** Vrai si le mot est à vérifier. */
  low_confidence?: boolean;
  speaker?: string;
}

/** Segment de texte. */
export interface Segment extends Span {
  index: number;
  text: string;
  confidence?: number;
  /** Vrai si un de ses mots est à vérifier ou, sans mots, s'il l'est. */
  low_confidence?: boolean;
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
  | { type: "draft"; segment: Segment }
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
