import { T } from "../texts";
import type { Chunk } from "./chunker";
import workletUrl from "./pcm.worklet.ts?worker&url";

/** Microphone ouvert. */
export interface Microphone {
  /** Échantillons par seconde. */
  rate: number;
  /** Ferme le microphone ; revient quand le dernier morceau a été rendu. */
  stop(): Promise<void>;
}

/** Ce que le microphone rend. */
export interface Listener {
  heard(chunk: Chunk): void;
  /** Débranché, ou repris par le système. */
  lost(): void;
}

/** Fréquences que le serveur accepte, en hertz. */
export interface Rates {
  min: number;
  max: number;
}

const FLUSH_MS = 500;

/**
 * Ouvre un microphone ; vide, `device` est celui par défaut. Le son garde sa fréquence : le serveur rééchantillonne.
 *
 * Lève `MicrophoneProblem`.
 */
export async function openMicrophone(device: string, rates: Rates, listener: Listener): Promise<Microphone> {
  if (!canListen()) throw new MicrophoneProblem(T.problems.insecure);
  const stream = await navigator.mediaDevices
    .getUserMedia({ audio: { channelCount: 1, ...(device && { deviceId: { exact: device } }) } })
    .catch((error: unknown) => {
      throw problemOf(error);
    });
  let context: AudioContext | undefined;
  const release = async () => {
    for (const track of stream.getTracks()) track.stop();
    await context?.close();
  };
  try {
    context = contextWithin(rates);
    await context.audioWorklet.addModule(workletUrl).catch(() => {
      // Le microphone n'y est pour rien : ce fichier manque, comme après une mise à jour du serveur.
      throw new MicrophoneProblem(T.problems.program);
    });
    // Safari le laisse suspendu quand l'autorisation a fait attendre.
    await context.resume();
    const node = new AudioWorkletNode(context, "pcm");
    const flushed = new Promise<void>((resolve) => {
      node.port.onmessage = ({ data }: MessageEvent<Chunk | null>) => {
        if (data) listener.heard(data);
        else resolve();
      };
    });
    // Sa sortie est muette ; sans destination, rien ne le ferait tourner.
    context.createMediaStreamSource(stream).connect(node).connect(context.destination);
    for (const track of stream.getTracks()) track.onended = () => listener.lost();
    return {
      rate: context.sampleRate,
      async stop() {
        node.port.postMessage(null);
        await Promise.race([flushed, new Promise((resolve) => setTimeout(resolve, FLUSH_MS))]);
        await release();
      },
    };
  } catch (error) {
    await release();
    throw problemOf(error);
  }
}

function contextWithin({ min, max }: Rates): AudioContext {
  const context = new AudioContext({ latencyHint: "interactive" });
  if (context.sampleRate >= min && context.sampleRate <= max) return context;
  const sampleRate = Math.min(max, Math.max(min, context.sampleRate));
  void context.close();
  return new AudioContext({ latencyHint: "interactive", sampleRate });
}

/** Pourquoi le microphone ne s'ouvre pas, dit à la personne. */
export class MicrophoneProblem extends Error {}

/** Vrai si le navigateur peut ouvrir un microphone ici : en HTTP simple, `mediaDevices` n'existe pas. */
export function canListen(): boolean {
  return typeof navigator.mediaDevices?.getUserMedia === "function";
}

/** Ce que veut dire une erreur de `getUserMedia` ; un problème déjà dit le reste. */
export function problemOf(error: unknown): MicrophoneProblem {
  if (error instanceof MicrophoneProblem) return error;
  const name = error instanceof Error ? error.name : String(error);
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
      return new MicrophoneProblem(T.problems.denied);
    case "NotFoundError":
    case "OverconstrainedError":
      return new MicrophoneProblem(T.problems.none);
    case "NotReadableError":
    case "AbortError":
      return new MicrophoneProblem(T.problems.busy);
    default:
      return new MicrophoneProblem(T.problems.other(name));
  }
}
