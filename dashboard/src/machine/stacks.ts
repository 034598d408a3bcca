import type { Gpu, Host } from "../gen/passerelle/v1/machine_pb";
import type { Model } from "../gen/passerelle/v1/model_pb";
import type { GpuVerdict } from "../gen/passerelle/v1/model_verbs_pb";

/**
 * Genre d'une part : `model` tenue par un exemplaire, `reserved` promise à lui et pas encore prise, `foreign` tenue par
 * d'autres, `unexplained` prise par on ne sait qui, `weights`, `working` et `reserve` de ce qu'un modèle demande, `free`
 * libre.
 */
export type Kind = "model" | "reserved" | "foreign" | "unexplained" | "weights" | "working" | "reserve" | "free";

/** Part d'une mémoire. */
export interface Part {
  kind: Kind;
  bytes: number;
  /** Exemplaire, pour `model` et `reserved`. */
  replica?: string;
  /** Vrai s'il refuse tout voisin. */
  alone?: boolean;
}

/** Clé du modèle d'un exemplaire (`qwen-0` : `qwen`). */
export function modelOf(replica: string): string {
  return replica.slice(0, replica.lastIndexOf("-"));
}

/** La mémoire d'un GPU, part après part ; leur somme en est la taille. */
export function gpuParts(gpu: Gpu): Part[] {
  const names = [...new Set([...gpu.leases.map((lease) => lease.replica), ...gpu.processes.map((one) => one.replica)])];
  const ours = names.filter((name) => name !== "").sort((a, b) => a.localeCompare(b, "fr", { numeric: true }));
  const held = new Map(ours.map((name) => [name, heldBy(gpu, name)]));
  const foreign = Math.min(gpu.foreignBytes, gpu.usedBytes, gpu.dirty ? namedForeign(gpu) : gpu.usedBytes);
  const known = [...held.values()].reduce<number>((sum, bytes) => sum + (bytes ?? 0), 0);
  let unexplained = Math.max(0, gpu.usedBytes - foreign - known);
  let free = Math.max(0, gpu.totalBytes - gpu.usedBytes);
  const parts: Part[] = [];
  for (const replica of ours) {
    const { reservedBytes: lease = 0, exclusive = false } = gpu.leases.find((one) => one.replica === replica) ?? {};
    let bytes = held.get(replica);
    if (bytes === undefined) {
      // NVML ne nomme pas nos processus : ce qui est pris sans être à d'autres l'est par ceux qui ont un bail.
      bytes = Math.min(lease, unexplained);
      unexplained -= bytes;
    }
    const reserved = Math.min(free, Math.max(0, lease - bytes));
    free -= reserved;
    const whose = exclusive ? { replica, alone: true } : { replica };
    parts.push({ kind: "model", bytes, ...whose }, { kind: "reserved", bytes: reserved, ...whose });
  }
  parts.push(
    { kind: "foreign", bytes: foreign },
    { kind: "unexplained", bytes: unexplained },
    { kind: "free", bytes: free },
  );
  return parts.filter((part) => part.bytes > 0);
}

/** Ce qu'un verdict demande à un GPU, sur ce que d'autres y tiennent déjà. */
export function needParts(verdict: GpuVerdict): Part[] {
  const { totalBytes, availableBytes, neededBytes } = verdict;
  const parts: Part[] = [
    { kind: "foreign", bytes: totalBytes - availableBytes },
    { kind: "weights", bytes: verdict.weightsBytes },
    { kind: "working", bytes: verdict.workingBytes },
    { kind: "reserve", bytes: verdict.reserveBytes },
    { kind: "free", bytes: availableBytes - neededBytes },
  ];
  return parts.filter((part) => part.bytes > 0);
}

/** Ce qu'un pilote garde pour lui d'un GPU au repos, au plus : le moindre contexte CUDA en prend davantage. */
const DRIVER_BYTES = 128 * 1024 ** 2;

/** Vrai si un autre programme tient de la mémoire de ce GPU, que NVML le nomme ou non. */
export function isTakenElsewhere({ foreignBytes, processes }: Gpu): boolean {
  return foreignBytes > DRIVER_BYTES || processes.some(({ replica }) => replica === "");
}

/** Ce que tiennent les programmes nommés : sur un GPU sali, le serveur compte aussi pour étranger ce qu'un départ a laissé. */
function namedForeign(gpu: Gpu): number {
  return gpu.processes.filter((one) => one.replica === "").reduce((sum, one) => sum + (one.usedBytes ?? 0), 0);
}

function heldBy(gpu: Gpu, replica: string): number | undefined {
  const sizes = gpu.processes.filter((one) => one.replica === replica).map((one) => one.usedBytes);
  if (sizes.length === 0 || sizes.includes(undefined)) return undefined;
  return sizes.reduce<number>((sum, bytes) => sum + (bytes ?? 0), 0);
}

/** La mémoire vive : nos exemplaires, le reste, le libre. */
export function ramParts(host: Host, models: readonly Model[]): Part[] {
  let rest = host.memoryUsedBytes;
  const parts: Part[] = [];
  for (const { id, residentBytes } of models.flatMap((model) => model.replicas)) {
    const bytes = Math.min(rest, residentBytes);
    rest -= bytes;
    parts.push({ kind: "model", replica: id, bytes });
  }
  parts.push({ kind: "foreign", bytes: rest }, { kind: "free", bytes: host.memoryTotalBytes - host.memoryUsedBytes });
  return parts.filter((part) => part.bytes > 0);
}

/** Le disque du cache : nos poids, les autres fichiers, le libre. */
export function diskParts(host: Host): Part[] {
  const used = Math.max(0, host.cacheDiskTotalBytes - host.cacheDiskFreeBytes);
  const weights = Math.min(used, host.cacheUsedBytes);
  const parts: Part[] = [
    { kind: "weights", bytes: weights },
    { kind: "foreign", bytes: used - weights },
    { kind: "free", bytes: host.cacheDiskFreeBytes },
  ];
  return parts.filter((part) => part.bytes > 0);
}
