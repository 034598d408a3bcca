import type { AudioResult, Segment } from "./events";
import type { AudioRequest } from "./request";
import type { Step } from "./send";

/** Étape d'un travail, et la part faite si elle se mesure. */
export interface Stage {
  name: string;
  ratio: number | undefined;
}

/** Un travail sur un fichier. */
export interface Job {
  request: AudioRequest;
  state: "running" | "done" | "failed" | "cancelled";
  sent: number;
  total: number;
  stages: Stage[];
  segments: Segment[];
  result?: AudioResult;
  /** Réponse, telle que le serveur l'a écrite. */
  json?: string;
  failure?: string;
  /** Secondes entre l'envoi et la fin. */
  elapsed?: number;
}

/** Ce qu'une étape change à un travail. */
export function after(job: Job, step: Step): Partial<Job> {
  switch (step.type) {
    case "sent":
      return { sent: step.bytes, total: step.total };
    case "progress":
      return { stages: withStage(job.stages, step.stage, step.completed_ratio) };
    case "segment":
      return { segments: [...job.segments, step.segment] };
    case "result":
      return { result: step.result, json: step.json, segments: step.result.segments ?? [] };
    default:
      return {};
  }
}

/** Deux moteurs peuvent décoder en même temps : la part montrée est la plus grande des deux, et ne recule pas. */
function withStage(stages: Stage[], name: string, ratio: number | undefined): Stage[] {
  const known = stages.find((stage) => stage.name === name);
  if (!known) return [...stages, { name, ratio }];
  const most = ratio === undefined ? known.ratio : Math.max(ratio, known.ratio ?? 0);
  return stages.map((stage) => (stage === known ? { name, ratio: most } : stage));
}
