import { durationMs } from "@bufbuild/protobuf/wkt";
import { memory, percent, seconds } from "../../format";
import { OPERATIONS, PHASES } from "../../fr";
import type { FileProgress, Operation } from "../../gen/passerelle/v1/operation_pb";
import { T } from "../texts";

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
