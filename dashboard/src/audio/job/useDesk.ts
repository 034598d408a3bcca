import { useEffect } from "react";
import type { GetCapabilitiesResponse, ModelCapabilities } from "../../gen/passerelle/v1/limits_pb";
import { Capability, type Model } from "../../gen/passerelle/v1/model_pb";
import { useKept } from "../../shell/kept";
import { useAsked } from "../../shell/useAsked";
import { useCapabilities, useServer } from "../../status/StatusProvider";
import { T } from "../texts";
import { durationOf, readWave } from "../wave/wave";
import { type AudioRequest, fieldRefusals, fileRefusal, type Options, requestFor, type Task } from "./request";
import { send } from "./send";
import { AudioSession } from "./session";

/** Modèles d'une capacité, et celui qui servira. */
export interface Choice {
  models: Model[];
  model: Model | undefined;
  capabilities: ModelCapabilities | undefined;
}

/** Le modèle voulu s'il a cette capacité, ou le premier qui l'a. */
export function choice(models: Model[] = [], known: Known, capability: Capability, wanted: string): Choice {
  const able = models.filter((one) => one.capability === capability);
  const model = able.find(({ key }) => key === wanted) ?? able[0];
  return { models: able, model, capabilities: known?.models.find(({ key }) => key === model?.key) };
}

type Known = GetCapabilitiesResponse | undefined;

/** Tout ce que la page montre : la session, ce que le serveur permet, et la requête qui en découle. */
export function useDesk() {
  const { session, state } = useAudio();
  const models = useServer().status?.models;
  const { known, failure } = useCapabilities();
  const { source, options } = state;
  const asked = useAsked();
  const capability = models?.find(({ key }) => key === asked)?.capability;
  useEffect(() => {
    if (capability === Capability.TRANSCRIBE) session.tryOut("transcribe", { transcriber: asked });
    if (capability === Capability.DIARIZE) session.tryOut("diarize", { diarizer: asked });
  }, [session, asked, capability]);
  const transcriber = choice(models, known, Capability.TRANSCRIBE, options.transcriber);
  // Une transcription ne choisit pas son modèle de diarisation : c'est le premier du profil.
  const diarizer = choice(models, known, Capability.DIARIZE, state.task === "speakers" ? "" : options.diarizer);
  const tasks = tasksOf(transcriber, diarizer);
  const task = tasks.includes(state.task) ? state.task : tasks[0];
  const request = task && requestOf(task, options, transcriber, diarizer);
  const audio = known?.limits?.audio;
  const fileProblem = source && audio && fileRefusal(source, audio, known?.recognition);
  const problems = request && audio ? fieldRefusals(request, audio) : {};
  return {
    session,
    state,
    ready: models !== undefined,
    failure,
    tasks,
    task,
    transcriber,
    diarizer,
    limits: audio,
    request,
    fileProblem,
    problems,
    /** Pourquoi rien ne se lance encore. */
    blocked: source ? (fileProblem ?? Object.values(problems)[0]) : T.noFile,
  };
}

export type Desk = ReturnType<typeof useDesk>;

function tasksOf(transcriber: Choice, diarizer: Choice): Task[] {
  const tasks: Task[] = transcriber.model ? ["transcribe"] : [];
  if (transcriber.model && diarizer.model) tasks.push("speakers");
  if (diarizer.model) tasks.push("diarize");
  return tasks;
}

function requestOf(task: Task, options: Options, transcriber: Choice, diarizer: Choice): AudioRequest | undefined {
  const used = task === "diarize" ? diarizer : transcriber;
  if (!used.capabilities || (task === "speakers" && !diarizer.capabilities)) return undefined;
  return requestFor(task, options, used.capabilities, diarizer.capabilities ?? used.capabilities);
}

/** La session audio, faite la première fois que sa page s'ouvre, et son état. */
export function useAudio() {
  const kept = useKept();
  kept.audio ??= new AudioSession({ send, durationOf, readWave, now: () => performance.now() });
  return { session: kept.audio, state: kept.audio.useState() };
}
