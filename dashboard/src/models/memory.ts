import type { Model } from "../gen/passerelle/v1/model_pb";

export interface Freed {
  /** Vrai si ce sont des octets de GPU, tels que NVML les compte. */
  gpu: boolean;
  bytes: number;
}

/** Ce que décharger rendrait, tel que le serveur le mesure ; `undefined` s'il ne le mesure pas. */
export function freedBy({ replicas }: Model): Freed | undefined {
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  const held = replicas.map((replica) => replica.gpuBytes).filter((value) => value !== undefined);
  // Un total auquel un exemplaire manquerait serait faux : tous, ou aucun.
  if (replicas.length > 0 && held.length === replicas.length) return { gpu: true, bytes: sum(held) };
  const resident = sum(replicas.map((replica) => replica.residentBytes));
  return resident > 0 ? { gpu: false, bytes: resident } : undefined;
}
