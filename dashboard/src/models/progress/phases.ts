import { type Operation, OperationKind } from "../../gen/passerelle/v1/admin_pb";

const DOWNLOAD = ["resolving", "downloading", "verifying"];
const OPEN = ["spawning", "opening", "warming_up"];

/** Du dépôt au modèle prêt : un téléchargement en fait la première moitié, un chargement la seconde. */
const WHOLE = [...DOWNLOAD, ...OPEN];

/** Étapes d'une opération, dans l'ordre, et le rang de celle qui est en cours ; -1 avant la première. */
export function phasesOf({ kind, progress }: Operation): { phases: string[]; current: number } {
  const phase = progress?.phase ?? "";
  const phases = steps(kind, phase);
  if (phase && !phases.includes(phase)) phases.push(phase);
  return { phases, current: phases.indexOf(phase) };
}

function steps(kind: OperationKind, phase: string): string[] {
  switch (kind) {
    case OperationKind.DOWNLOAD:
      return [...WHOLE];
    case OperationKind.LOAD:
      return phase === "making_room" ? [...DOWNLOAD, phase, ...OPEN] : [...WHOLE];
    case OperationKind.RESTART:
      return ["backoff", ...OPEN];
    case OperationKind.UNLOAD:
      return ["draining", "stopping"];
    default:
      return [];
  }
}
