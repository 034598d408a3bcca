import type { Gpu, GpuVerdict, Model } from "../gen/passerelle/v1/admin_pb";
import { P } from "./texts";

const HOLDERS = ["primary.main", "success.main", "secondary.main", "info.main"];

/** Part d'une barre de mémoire. */
export interface Share {
  label: string;
  bytes: number;
  /** Jeton de la palette. */
  color: string;
}

/** Qui tient la mémoire d'un GPU : chaque exemplaire pour ce qu'il tient ou réserve, puis les autres programmes. */
export function sharesOf(gpu: Gpu, models: Model[]): Share[] {
  const shares = gpu.leases.map(({ replica, reservedBytes, exclusive }) => {
    const held = gpu.processes.filter((one) => one.replica === replica);
    const used = held.reduce((sum, one) => sum + (one.usedBytes ?? 0), 0);
    const rank = models.findIndex((model) => replica.startsWith(`${model.key}-`));
    return {
      label: exclusive ? P.gpu.alone(replica) : replica,
      bytes: Math.max(reservedBytes, used),
      color: HOLDERS[Math.max(0, rank) % HOLDERS.length] ?? "primary.main",
    };
  });
  if (gpu.foreignBytes > 0) shares.push({ label: P.gpu.foreign, bytes: gpu.foreignBytes, color: "text.disabled" });
  return shares;
}

/** Ce qu'un verdict demande à un GPU, sur ce que d'autres y tiennent déjà. */
export function needsOf(verdict: GpuVerdict): Share[] {
  const { totalBytes, availableBytes, weightsBytes, workingBytes, reserveBytes } = verdict;
  return [
    { label: P.verdict.taken, bytes: totalBytes - availableBytes, color: "text.disabled" },
    { label: P.verdict.weights, bytes: weightsBytes, color: "primary.main" },
    { label: P.verdict.working, bytes: workingBytes, color: "info.main" },
    { label: P.verdict.reserve, bytes: reserveBytes, color: "secondary.main" },
  ].filter((share) => share.bytes > 0);
}
