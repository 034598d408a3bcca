import { T } from "../texts";

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
