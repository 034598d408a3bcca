import { durationMs } from "@bufbuild/protobuf/wkt";
import { bytes, seconds } from "../../format";
import type { AudioLimits } from "../../gen/passerelle/v1/limits_pb";
import { T } from "../texts";
import type { AudioRequest } from "./request";

/** Pourquoi ce fichier serait refusé, dit avant de l'envoyer ; rien s'il passe. */
export function fileRefusal(size: number, duration: number | undefined, limits: AudioLimits): string | undefined {
  if (size === 0) return T.refusals.empty;
  if (size > limits.maxUploadBytes) return T.refusals.size(bytes(size), bytes(limits.maxUploadBytes));
  const most = limits.maxDuration ? durationMs(limits.maxDuration) / 1000 : Number.POSITIVE_INFINITY;
  if (duration !== undefined && duration > most) return T.refusals.duration(seconds(duration), seconds(most));
  return undefined;
}

/** Champs que le serveur refuserait, chacun avec la limite et la valeur. */
export function fieldRefusals({ fields }: AudioRequest, limits: AudioLimits): Record<string, string> {
  const found: Record<string, string> = {};
  const most = limits.maxSpeakers;
  for (const name of ["num_speakers", "min_speakers", "max_speakers"]) {
    const value = fields[name];
    if (value === undefined) continue;
    if (!/^\d+$/.test(value) || Number(value) < 1 || Number(value) > most) {
      found[name] = T.refusals.count(name, most, value);
    }
  }
  const { min_speakers: min, max_speakers: max } = fields;
  if (Object.keys(found).length === 0 && min && max && Number(min) > Number(max)) {
    found.min_speakers = T.refusals.order(max, min);
  }
  const length = [...(fields.prompt ?? "")].length;
  if (length > limits.maxPromptCharacters) found.prompt = T.refusals.prompt(limits.maxPromptCharacters, length);
  return found;
}
