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
    ...(task === "speakers" && { diarize: "true", ...counts(options, diarizer) }),
    stream: "true",
  };
  return { task, path: "/api/audio/transcribe", fields };
}

function counts({ counting, exact, min, max }: Options, { features }: Ability): Record<string, string> {
  const given: [string, string][] = counting === "exact" ? [["num_speakers", exact]] : [];
  if (counting === "bounds") {
    if (min) given.push(["min_speakers", min]);
    if (max) given.push(["max_speakers", max]);
  }
  return Object.fromEntries(given.filter(([name]) => features.includes(name)));
}
