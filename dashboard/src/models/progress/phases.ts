import { durationMs } from "@bufbuild/protobuf/wkt";
import { memory, percent, seconds } from "../../format";
import { OPERATIONS, PHASES } from "../../fr";
import { type FileProgress, type Operation, OperationKind } from "../../gen/passerelle/v1/operation_pb";
import { T } from "../texts";

const DOWNLOAD = ["resolving", "downloading", "verifying"];
const OPEN = ["spawning", "opening", "warming_up"];

/** Du dépôt au modèle prêt : un téléchargement en fait la première moitié, un chargement la seconde. */
const WHOLE = [...DOWNLOAD, ...OPEN];

/** Attentes d'un téléchargement : un autre processus écrit ces poids, ou le hub ne répond pas. */
const WAITS = ["held", "retrying"];

/** Étapes qui ne précèdent l'ouverture que s'il le faut. */
const OCCASIONAL = ["making_room", "queued", "checking"];

/** Ce qui vient après la dernière étape d'un chargement, quand des exemplaires s'en vont. */
const LEAVING = ["draining", "stopping"];

/**
 * Étapes d'une opération, dans l'ordre, et le rang de celle qui est en cours ; -1 avant la première.
 *
 * Une étape inconnue d'un chargement est de celles que le moteur voit pendant qu'il s'ouvre.
 */
export function phasesOf({ kind, progress }: Operation): { phases: string[]; current: number } {
  const phase = progress?.phase ?? "";
  const phases = steps(kind, phase);
  if (phase && !phases.includes(phase)) {
    const opening = LEAVING.includes(phase) ? -1 : phases.indexOf("opening");
    if (opening >= 0) return { phases, current: opening };
    phases.push(phase);
  }
  return { phases, current: phases.indexOf(phase) };
}

function steps(kind: OperationKind, phase: string): string[] {
  const loads = kind === OperationKind.DOWNLOAD || kind === OperationKind.LOAD;
  if (loads && WAITS.includes(phase)) return ["resolving", phase, ...WHOLE.slice(1)];
  switch (kind) {
    case OperationKind.DOWNLOAD:
      return [...WHOLE];
    case OperationKind.LOAD:
      return OCCASIONAL.includes(phase) ? [...DOWNLOAD, phase, ...OPEN] : [...WHOLE];
    case OperationKind.RESTART:
      return OCCASIONAL.includes(phase) ? ["backoff", phase, ...OPEN] : ["backoff", ...OPEN];
    case OperationKind.UNLOAD:
      return [...LEAVING];
    default:
      return [];
  }
}

export interface Description {
  phase: string;
  /** L'étape, en mots ; vide avant la première. */
  stage: string;
  /** Genre et étape. */
  step: string;
  /** Octets faits, de 0 à 100 ; `undefined` hors de la copie et de sa vérification. */
  done: number | undefined;
  /** La même part, écrite ; vide si elle est inconnue. */
  share: string;
  /** Octets, débit, temps restant, quand ils sont connus. */
  details: string[];
  files: FileProgress[];
}

/** Met en mots l'avancement d'une opération. */
export function describe({ kind, progress }: Operation): Description {
  const { phase = "", completedBytes, totalBytes, bytesPerSecond, remaining, files = [] } = progress ?? {};
  const name = OPERATIONS[kind];
  const stage = PHASES[phase] ?? phase;
  // Un chargement qui a d'abord téléchargé garde ces octets jusqu'à sa fin : ils ne disent plus rien de lui.
  const copying = phase === "downloading" || phase === "verifying";
  const done = copying ? percent(completedBytes, totalBytes) : undefined;
  const counted = copying && completedBytes !== undefined && totalBytes;
  return {
    phase,
    stage,
    step: stage ? `${name} : ${stage}` : name,
    done,
    share: done === undefined ? "" : T.progress.percent(Math.floor(done)),
    details: [
      counted ? T.progress.bytes(memory(completedBytes), memory(totalBytes)) : "",
      phase === "downloading" && bytesPerSecond ? T.progress.rate(memory(bytesPerSecond)) : "",
      phase === "downloading" && remaining ? T.progress.remaining(seconds(durationMs(remaining) / 1000)) : "",
    ].filter(Boolean),
    files: copying ? files : [],
  };
}
