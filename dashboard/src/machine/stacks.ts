import type { Gpu, Host } from "../gen/passerelle/v1/machine_pb";
import type { Model } from "../gen/passerelle/v1/model_pb";

/**
 * Part d'une mémoire : `model` tenue par un exemplaire, `reserved` promise à lui et pas encore prise, `foreign` tenue
 * par d'autres que nous, `unexplained` prise par on ne sait qui, `weights` des poids sur
 * le disque, `free` libre.
 */
export interface Part {
  kind: "model" | "reserved" | "foreign" | "unexplained" | "weights" | "free";
  bytes: number;
  /** Exemplaire, pour `model` et `reserved`. */
  replica?: string;
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
    const lease = gpu.leases.find((one) => one.replica === replica)?.reservedBytes ?? 0;
    let bytes = held.get(replica);
    if (bytes === undefined) {
      // NVML ne nomme pas nos processus : ce qui est pris sans être à d'autres l'est par ceux qui ont un bail.
      bytes = Math.min(lease, unexplained);
      unexplained -= bytes;
    }
    const reserved = Math.min(free, Math.max(0, lease - bytes));
    free -= reserved;
    parts.push({ kind: "model", replica, bytes }, { kind: "reserved", replica, bytes: reserved });
  }
  parts.push(
    { kind: "foreign", bytes: foreign },
    { kind: "unexplained", bytes: unexplained },
    { kind: "free", bytes: free },
  );
  return parts.filter((part) => part.bytes > 0);
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
