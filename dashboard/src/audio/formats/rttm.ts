import type { AudioResult } from "../job/events";

/** Tours au format RTTM, comme le serveur les rend (server/formats/rttm.py) : recouvrements compris. */
export function rttm(result: AudioResult): string {
  const name = result.id || "audio";
  return (result.turns ?? [])
    .map(({ speaker, start, end }) => {
      return `SPEAKER ${name} 1 ${start.toFixed(3)} ${(end - start).toFixed(3)} <NA> <NA> ${speaker} <NA> <NA>\n`;
    })
    .join("");
}
