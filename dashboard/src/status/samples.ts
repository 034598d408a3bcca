import type { Status } from "../gen/passerelle/v1/admin_pb";
import type { Gpu } from "../gen/passerelle/v1/machine_pb";

export type GpuMeasure = "use" | "memory" | "temperature" | "power";
export type HostMeasure = "cpu" | "memory" | "disk";

/** Nom de la courbe d'une mesure de GPU : le GPU y est nommé par ce qui ne change pas. */
export function gpuSeries(gpu: Gpu, measure: GpuMeasure): string {
  return `gpu/${gpu.uuid || gpu.index}/${measure}`;
}

/** Nom de la courbe d'une mesure de la machine. */
export function hostSeries(measure: HostMeasure): string {
  return `host/${measure}`;
}

/** Les mesures d'un état dont on garde l'histoire : pourcentages, octets, degrés, watts. */
export function samples({ host, gpus }: Status): Map<string, number> {
  const found = new Map<string, number>();
  if (host) {
    found.set(hostSeries("cpu"), host.cpuPercent);
    found.set(hostSeries("memory"), host.memoryUsedBytes);
    found.set(hostSeries("disk"), host.cacheDiskTotalBytes - host.cacheDiskFreeBytes);
  }
  for (const gpu of gpus) {
    found.set(gpuSeries(gpu, "use"), gpu.utilizationPercent);
    found.set(gpuSeries(gpu, "memory"), gpu.usedBytes);
    // NVML rend zéro pour ce qu'il ne sait pas lire.
    if (gpu.temperatureCelsius > 0) found.set(gpuSeries(gpu, "temperature"), gpu.temperatureCelsius);
    if (gpu.powerWatts > 0) found.set(gpuSeries(gpu, "power"), gpu.powerWatts);
  }
  return found;
}
