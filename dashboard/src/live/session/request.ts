import { create } from "@bufbuild/protobuf";
import { AudioEncoding } from "../../gen/passerelle/v1/audio_pb";
import type { ModelCapabilities } from "../../gen/passerelle/v1/limits_pb";
import { type StreamTranscribeConfig, StreamTranscribeConfigSchema } from "../../gen/passerelle/v1/transcribe_pb";

/** Ce que la personne choisit. */
export interface Options {
  /** Identifiant du microphone ; vide : celui par défaut. */
  device: string;
  /** Clé du modèle ; vide : le premier qui transcrit. */
  model: string;
  /** Code de la langue ; vide : reconnue, ou celle du modèle. */
  language: string;
}

/** Configuration d'un flux à cette fréquence, en hertz ; les mots ont leurs bornes si le modèle les donne. */
export function configFor(capabilities: ModelCapabilities, language: string, rate: number): StreamTranscribeConfig {
  return create(StreamTranscribeConfigSchema, {
    config: {
      model: capabilities.key,
      audioFormat: { encoding: AudioEncoding.PCM_S16LE, sampleRateHertz: rate, channelCount: 1 },
      ...(language && capabilities.languages.includes(language) && { language }),
      ...(capabilities.features.includes("word_timestamps") && { wordTimestamps: true }),
    },
  });
}
