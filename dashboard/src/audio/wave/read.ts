import { PeakCounter, type Peaks } from "./peaks";
import { wavPeaks } from "./wav";

/** Onde d'un fichier, ou pourquoi elle manque. */
export type Wave =
  | { state: "reading"; ratio: number }
  | { state: "ready"; peaks: Peaks; duration: number }
  | { state: "absent"; why: "long" | "unreadable" };

/** decodeAudioData tient tout le fichier en flottants : 20 min de stéréo à 48 kHz en font 460 Mo. */
export const MAX_DECODED_SECONDS = 20 * 60;
/** Sans durée annoncée, un codec de parole à 24 kbit/s met 20 min dans ces octets. */
const MAX_UNTIMED_BYTES = 4_000_000;
/** La plus basse fréquence que tout navigateur accepte : l'onde n'a pas besoin de plus. */
const DRAWN_HZ = 8_000;

/** Lit l'onde d'un fichier sans figer la page ni remplir la mémoire ; `on` reçoit chaque changement. */
export async function readWave(
  file: File,
  duration: number | undefined,
  on: (wave: Wave) => void,
  signal: AbortSignal,
): Promise<void> {
  const tell = (wave: Wave) => {
    if (!signal.aborted) on(wave);
  };
  try {
    const found = await wavPeaks(file, signal, (ratio) => tell({ state: "reading", ratio }));
    if (found) return tell({ state: "ready", ...found });
    const long = duration === undefined ? file.size > MAX_UNTIMED_BYTES : duration > MAX_DECODED_SECONDS;
    if (long) return tell({ state: "absent", why: "long" });
    tell({ state: "ready", ...(await decoded(file)) });
  } catch {
    tell({ state: "absent", why: "unreadable" });
  }
}

async function decoded(file: File): Promise<{ peaks: Peaks; duration: number }> {
  const audio = await new OfflineAudioContext(1, 1, DRAWN_HZ).decodeAudioData(await file.arrayBuffer());
  const counter = new PeakCounter(audio.length);
  for (let channel = 0; channel < audio.numberOfChannels; channel += 1) {
    counter.rewind();
    counter.add(audio.getChannelData(channel), 1, 1);
  }
  return { peaks: counter.peaks, duration: audio.duration };
}

/** Durée d'un fichier, en secondes ; `undefined` si le navigateur ne sait pas la lire. */
export function durationOf(url: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const audio = new Audio();
    audio.preload = "metadata";
    audio.onloadedmetadata = () => resolve(Number.isFinite(audio.duration) ? audio.duration : undefined);
    audio.onerror = () => resolve(undefined);
    audio.src = url;
  });
}
