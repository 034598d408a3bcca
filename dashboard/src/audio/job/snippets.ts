// La requête de la page sur un fichier ; chaque extrait affiche ce que la page montre.
import { DiarizeService } from "../../gen/passerelle/v1/diarize_pb";
import { TranscribeService } from "../../gen/passerelle/v1/transcribe_pb";
import type { Fields } from "../../snippets/literals";
import type { SnippetTexts } from "../../snippets/Snippets";
import type { Rpc, ServerAccess, Shown, Sketch } from "../../snippets/sketch";
import { written } from "../../snippets/write";
import { type AudioRequest, phrasesIn, type Task } from "./request";

/** Extraits de cette requête, sur ce fichier et ce serveur. */
export function snippetsFor(request: AudioRequest, file: string, target: ServerAccess): SnippetTexts {
  return written(sketchFor(request, file), target);
}

const REST: Record<Task, Shown> = {
  transcribe: { values: ["text"] },
  speakers: { each: ["segments", "segment"], values: ["speaker?", "text"] },
  diarize: { each: ["turns", "turn"], values: ["speaker", "start", "end"] },
};
const TYPED: Record<Task, Shown> = {
  transcribe: REST.transcribe,
  speakers: { each: ["segments", "segment"], values: ["speaker_label", "text"] },
  diarize: { each: ["turns", "turn"], values: ["speaker_label", "start_offset", "end_offset"] },
};

/** La requête : un formulaire, ou un envoi par morceaux, la configuration d'abord. */
export function sketchFor(request: AudioRequest, file: string) {
  const { task, path, fields } = request;
  const diarize = task === "diarize";
  const method = diarize ? DiarizeService.method.uploadDiarize : TranscribeService.method.uploadTranscribe;
  return {
    http: { method: "POST", path, form: fields, file, shown: REST[task] },
    rpc: {
      method,
      request: { config: settings(request) },
      upload: { file, field: "chunk" },
      when: "result",
      shown: TYPED[task],
    } as Rpc,
  } satisfies Sketch;
}

/** La configuration typée, tirée des champs du formulaire. */
function settings({ task, fields }: AudioRequest): Fields {
  const { model = "", language, task: translate, punctuation, prompt, temperature } = fields;
  const counts = Object.fromEntries(
    ["num_speakers", "min_speakers", "max_speakers"].flatMap((name) =>
      fields[name] === undefined ? [] : [[name, Number(fields[name])]],
    ),
  );
  if (task === "diarize") return { model, ...counts };
  const phrases = phrasesIn(fields);
  return {
    model,
    language,
    task: translate && "TRANSCRIBE_TASK_TRANSLATE",
    target_language: fields.target_language,
    // Une réponse au fil de l'eau porte toujours les mots.
    word_timestamps: true,
    punctuation: punctuation ? false : undefined,
    prompt,
    temperature: temperature === undefined ? undefined : Number(temperature),
    phrases: phrases.length > 0 ? phrases : undefined,
    diarization: task === "speakers" ? counts : undefined,
  };
}
