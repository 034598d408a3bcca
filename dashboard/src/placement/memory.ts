import type { Gpu } from "../gen/passerelle/v1/machine_pb";
import type { Model } from "../gen/passerelle/v1/model_pb";
import type { GpuVerdict } from "../gen/passerelle/v1/model_verbs_pb";
import { paint, tintOf } from "../machine/colors";
import { modelOf } from "../machine/stacks";
import { P } from "./texts";

/** Part d'une barre de mémoire. */
export interface Share {
  label: string;
  bytes: number;
  /** Couleur de premier plan : celle du modèle, ou un jeton de la palette. */
  tint: ReturnType<typeof paint> | { color: string };
}

/** Qui tient la mémoire d'un GPU : chaque exemplaire pour ce qu'il tient ou réserve, puis les autres programmes. */
export function sharesOf(gpu: Gpu, models: Model[]): Share[] {
  const shares: Share[] = gpu.leases.map(({ replica, reservedBytes, exclusive }) => {
    const held = gpu.processes.filter((one) => one.replica === replica);
    const used = held.reduce((sum, one) => sum + (one.usedBytes ?? 0), 0);
    const label = exclusive ? P.gpu.alone(replica) : replica;
    return { label, bytes: Math.max(reservedBytes, used), tint: paint(tintOf(models, modelOf(replica))) };
  });
  if (gpu.foreignBytes === 0) return shares;
  return [...shares, { label: P.gpu.foreign, bytes: gpu.foreignBytes, tint: { color: "text.secondary" } }];
}

/** Ce qu'un verdict demande à un GPU, sur ce que d'autres y tiennent déjà. */
export function needsOf(verdict: GpuVerdict): Share[] {
  const { totalBytes, availableBytes, weightsBytes, workingBytes, reserveBytes } = verdict;
  return [
    { label: P.verdict.taken, bytes: totalBytes - availableBytes, tint: { color: "text.secondary" } },
    { label: P.verdict.weights, bytes: weightsBytes, tint: { color: "primary.main" } },
    { label: P.verdict.working, bytes: workingBytes, tint: { color: "info.main" } },
    { label: P.verdict.reserve, bytes: reserveBytes, tint: { color: "secondary.main" } },
  ].filter((share) => share.bytes > 0);
}
