import { create, fromJson, type JsonObject, toJson } from "@bufbuild/protobuf";
import { frenchOf } from "../../api/errors";
import { phrasesOf } from "../../audio/job/request";
import { AudioEncoding } from "../../gen/passerelle/v1/audio_pb";
import type { ModelCapabilities } from "../../gen/passerelle/v1/limits_pb";
import {
  type StreamTranscribeConfig,
  StreamTranscribeConfigSchema,
  type StreamTranscribeResponse,
  StreamTranscribeResponseSchema,
} from "../../gen/passerelle/v1/transcribe_pb";
import { underway } from "../../shell/underway";
import { T } from "../texts";

// Le WebSocket de direct : ses messages sont ceux du contrat (docs/audio.md).

/** Ce que le flux rend. */
export interface SocketListener {
  event(event: StreamTranscribeResponse): void;
  /**
   * Fermé ; `failure` dit pourquoi, s'il ne s'est pas fini de lui-même, et `resume` l'échantillon où un autre flux peut
   * reprendre ; `broken` est vrai si la connexion s'est rompue sans que le serveur n'en dise rien.
   */
  closed(failure: string | undefined, resume?: number, broken?: boolean): void;
}

/** Flux ouvert, ou en train de s'ouvrir. */
export interface LiveSocket {
  /** Envoie du son, mis de côté tant que le flux s'ouvre ; faux s'il y en a trop d'avance. */
  send(pcm: ArrayBuffer): boolean;
  /** Dit que le son est fini. */
  end(): void;
  /** Abandonne. */
  close(): void;
}

/** Son en attente d'envoi, en octets : une minute et demie à 48 kHz. */
const MAX_WAITING = 8 * 1024 * 1024;

/** Erreurs après lesquelles un autre flux reprend. */
const RESUMED = ["SHUTTING_DOWN", "WORKER_LOST"];

/** Ouvre un flux vers le serveur de la page ; la clé part dans le premier message, jamais dans l'adresse. */
export function openSocket(config: StreamTranscribeConfig, key: string, listener: SocketListener): LiveSocket {
  const socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/ws/transcribe`);
  socket.binaryType = "arraybuffer";
  const end = underway();
  const early: (ArrayBuffer | string)[] = [];
  let [opened, finished] = [false, false];
  let failure: string | undefined;
  let resume: number | undefined;
  socket.onopen = () => {
    opened = true;
    socket.send(JSON.stringify({ type: "config", ...(key && { api_key: key }), config: jsonOf(config) }));
    for (const message of early.splice(0)) socket.send(message);
  };
  socket.onmessage = ({ data }: MessageEvent<string>) => {
    try {
      const { type, ...fields } = JSON.parse(data) as JsonObject & { type: string };
      if (type === "error") {
        failure = frenchOf(String(fields.message));
        const sample = (fields.metadata as JsonObject | undefined)?.resume_sample;
        if (sample !== undefined && RESUMED.includes(String(fields.reason))) resume = Number(sample);
        return;
      }
      const event = fromJson(StreamTranscribeResponseSchema, { [type]: fields }, { ignoreUnknownFields: true });
      finished ||= event.event.case === "summary";
      listener.event(event);
    } catch {
      failure ??= T.problems.unexpected;
      socket.close();
    }
  };
  socket.onclose = () => {
    end();
    const broken = failure === undefined && !finished;
    listener.closed(broken ? (opened ? T.problems.lost : T.problems.unreachable) : failure, resume, broken);
  };
  let waiting = 0;
  const pass = (message: ArrayBuffer | string) => {
    if (opened) socket.send(message);
    else early.push(message);
  };
  return {
    send(pcm) {
      waiting = opened ? socket.bufferedAmount : waiting + pcm.byteLength;
      if (waiting > MAX_WAITING) return false;
      pass(pcm);
      return true;
    },
    end: () => pass(JSON.stringify({ type: "end" })),
    close: () => socket.close(),
  };
}

/** La configuration, telle qu'elle voyage. */
export function jsonOf(config: StreamTranscribeConfig): JsonObject {
  return toJson(StreamTranscribeConfigSchema, config, { useProtoFieldName: true }) as JsonObject;
}

/** Ce que la personne choisit. */
export interface Options {
  /** Identifiant du microphone ; vide : celui par défaut. */
  device: string;
  /** Clé du modèle ; vide : le premier qui transcrit. */
  model: string;
  /** Vrai : dit qui parle. */
  speakers: boolean;
  /** Code de la langue ; vide : reconnue, ou celle du modèle. */
  language: string;
  /** Phrases à préférer, une par ligne. */
  phrases: string;
}

/** Configuration d'un flux à cette fréquence, en hertz ; les mots ont leurs bornes si le modèle les donne. */
export function configFor(
  capabilities: ModelCapabilities,
  language: string,
  rate: number,
  speakers = false,
  phrases = "",
): StreamTranscribeConfig {
  const dated = capabilities.features.includes("word_timestamps");
  return create(StreamTranscribeConfigSchema, {
    config: {
      model: capabilities.key,
      audioFormat: { encoding: AudioEncoding.PCM_S16LE, sampleRateHertz: rate, channelCount: 1 },
      ...(language && capabilities.languages.includes(language) && { language }),
      ...(dated && { wordTimestamps: true }),
      // Dire qui parle demande des mots datés.
      ...(dated && speakers && { diarization: {} }),
      ...(capabilities.features.includes("phrases") && { phrases: phrasesOf(phrases) }),
    },
  });
}
