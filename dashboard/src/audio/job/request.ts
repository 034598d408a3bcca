import { durationMs } from "@bufbuild/protobuf/wkt";
import { bytes, seconds } from "../../format";
import type { AudioLimits, FileRecognition } from "../../gen/passerelle/v1/limits_pb";
import { T } from "../texts";

// La requête que la page envoie : un formulaire. Un texte d'orientation n'a pas à passer par une adresse, que l'on journalise.

/** Ce qu'on demande d'un fichier. */
export type Task = "transcribe" | "speakers" | "diarize";

/** Réglages, tels que la personne les a saisis. */
export interface Options {
  /** Clés des modèles ; vides : le premier de sa capacité. */
  transcriber: string;
  diarizer: string;
  /** Code ISO 639-1 ; vide : reconnue, ou celle du modèle. */
  language: string;
  translate: boolean;
  words: boolean;
  punctuation: boolean;
  prompt: string;
  /** Une phrase par ligne. */
  phrases: string;
  counting: "auto" | "exact" | "bounds";
  exact: string;
  min: string;
  max: string;
  /** Montre les tours sans recouvrement ; la réponse porte les deux. */
  exclusive: boolean;
}

export const DEFAULTS: Options = {
  transcriber: "",
  diarizer: "",
  language: "",
  translate: false,
  words: false,
  punctuation: true,
  prompt: "",
  phrases: "",
  counting: "auto",
  exact: "",
  min: "",
  max: "",
  exclusive: false,
};

/** Requête prête à partir. */
export interface AudioRequest {
  task: Task;
  path: "/api/audio/transcribe" | "/api/diarization/process";
  /** Champs du formulaire, sans le fichier ; tous du texte. */
  fields: Record<string, string>;
}

/** Modèle choisi et ce qu'il sait faire. */
export interface Ability {
  key: string;
  features: readonly string[];
}

/** Requête de ces réglages ; une option que le modèle n'a pas n'est pas envoyée. */
export function requestFor(task: Task, options: Options, model: Ability, diarizer: Ability): AudioRequest {
  if (task === "diarize") {
    const fields = { model: model.key, ...counts(options, model), stream: "true" };
    return { task, path: "/api/diarization/process", fields };
  }
  const has = (feature: string) => model.features.includes(feature);
  const prompt = options.prompt.trim();
  const fields = {
    model: model.key,
    ...(options.language && { language: options.language }),
    ...(options.translate && has("translate") && { task: "translate" }),
    ...(options.words && has("word_timestamps") && { word_timestamps: "true" }),
    ...(!options.punctuation && has("punctuation") && { punctuation: "false" }),
    ...(prompt && has("prompt") && { prompt }),
    ...(has("phrases") && Object.fromEntries(phrasesOf(options.phrases).map((one, rank) => [`phrases[${rank}]`, one]))),
    ...(task === "speakers" && { diarize: "true", ...counts(options, diarizer) }),
    stream: "true",
  };
  return { task, path: "/api/audio/transcribe", fields };
}

/** Phrases d'un texte, une par ligne. */
export function phrasesOf(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
}

/** Phrases d'un formulaire, dans l'ordre. */
export function phrasesIn(fields: Record<string, string>): string[] {
  return Object.entries(fields).flatMap(([name, value]) => (name.startsWith("phrases[") ? [value] : []));
}

/** Pourquoi ces phrases seraient refusées ; rien si elles passent. */
export function phrasesRefusal(phrases: string[], limits: AudioLimits): string | undefined {
  if (phrases.length > limits.maxPhrases) return T.refusals.phrases(limits.maxPhrases, phrases.length);
  const length = phrases.reduce((sum, phrase) => sum + [...phrase].length, 0);
  return length > limits.maxPromptCharacters
    ? T.refusals.phraseCharacters(limits.maxPromptCharacters, length)
    : undefined;
}

function counts({ counting, exact, min, max }: Options, { features }: Ability): Record<string, string> {
  const given: [string, string][] = counting === "exact" ? [["num_speakers", exact]] : [];
  if (counting === "bounds") {
    if (min) given.push(["min_speakers", min]);
    if (max) given.push(["max_speakers", max]);
  }
  return Object.fromEntries(given.filter(([name]) => features.includes(name)));
}

/** Ce que l'on sait d'un fichier sans l'envoyer ; `Source` l'est. */
export interface Known {
  file: { name: string; type: string; size: number };
  /** Premiers octets, un caractère chacun ; absents tant qu'ils ne sont pas lus. */
  head?: string;
  /** Secondes. */
  duration?: number;
}

/** Pourquoi ce fichier serait refusé, dit avant de l'envoyer ; rien s'il passe. */
export function fileRefusal(known: Known, limits: AudioLimits, rules?: FileRecognition): string | undefined {
  const { duration, file } = known;
  const { size } = file;
  if (size === 0) return T.refusals.empty;
  if (size > limits.maxUploadBytes) return T.refusals.size(bytes(size), bytes(limits.maxUploadBytes));
  const most = limits.maxDuration ? durationMs(limits.maxDuration) / 1000 : Number.POSITIVE_INFINITY;
  if (duration !== undefined && duration > most) return T.refusals.duration(seconds(duration), seconds(most));
  const what = rules && unheard(known, rules);
  return what && T.refusals.kind(what);
}

/** Ce qu'est un fichier que le serveur ne saurait pas décoder, à ses propres règles ; rien au moindre doute. */
function unheard({ head, file: { name, type, size } }: Known, rules: FileRecognition): string | undefined {
  if (head === undefined || head.startsWith("ID3")) return undefined;
  const begins = (pattern: string) => new RegExp(`^(?:${pattern})`, "s").test(head);
  if (rules.containers.some(begins)) return undefined;
  const foreign = rules.foreign.find(({ pattern }) => begins(pattern));
  if (foreign) return foreign.label;
  const extension = /\.([^.]*)$/.exec(name)?.[1]?.toLowerCase() ?? "";
  const kind = /^audio\/(?:x-)?([^;\s]*)/i.exec(type)?.[1]?.toLowerCase() ?? "";
  if (rules.rawExtensions.includes(extension) || rules.rawTypes.includes(kind)) return undefined;
  const whole = head.length >= Math.min(size, rules.searchedBytes);
  return whole && !new RegExp(rules.frames, "s").test(head) ? T.refusals.unknown : undefined;
}

/** Champs que le serveur refuserait, chacun avec la limite et la valeur. */
export function fieldRefusals({ fields }: AudioRequest, limits: AudioLimits): Record<string, string> {
  const found: Record<string, string> = {};
  const most = limits.maxSpeakers;
  for (const name of ["num_speakers", "min_speakers", "max_speakers"]) {
    const value = fields[name];
    if (value === undefined) continue;
    if (!/^\d+$/.test(value) || Number(value) < 1 || Number(value) > most) {
      found[name] = T.refusals.count(name, most, value);
    }
  }
  const { min_speakers: min, max_speakers: max } = fields;
  if (Object.keys(found).length === 0 && min && max && Number(min) > Number(max)) {
    found.min_speakers = T.refusals.order(max, min);
  }
  const length = [...(fields.prompt ?? "")].length;
  if (length > limits.maxPromptCharacters) found.prompt = T.refusals.prompt(limits.maxPromptCharacters, length);
  const phrases = phrasesRefusal(phrasesIn(fields), limits);
  if (phrases) found.phrases = phrases;
  return found;
}
