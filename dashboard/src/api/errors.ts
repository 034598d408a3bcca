import { Code, ConnectError } from "@connectrpc/connect";
import { T } from "../fr";
import { french } from "../typography";

/** Début de la seconde ligne d'un refus (server/english.py) : pour des bibliothèques, pas pour qui lit la page. */
const ENGLISH = /\n(This model's|Rate limit|You didn't|Incorrect API|The model `|'response_format'|Invalid schema).*$/;

/** Panne ou refus déjà dit en français. */
export class ShownError extends Error {
  constructor(message: string) {
    super(frenchOf(message));
  }
}

/** Message du serveur, composé, sans sa phrase anglaise. */
export function frenchOf(message: string): string {
  return french(message.replace(ENGLISH, ""));
}

/** Échec d'un appel HTTP qui a répondu : le message du serveur s'il en a écrit un. */
export function httpFailure(status: number, body: string): ShownError {
  try {
    const answer = JSON.parse(body) as { error: { message: string } };
    return new ShownError(answer.error.message);
  } catch {
    // Une passerelle placée devant la nôtre répond à sa façon.
    return new ShownError(T.errors.unexpected(`HTTP ${status}`));
  }
}

/** Message français d'une erreur : celui du serveur s'il en a écrit un, sinon ce que la page sait de la panne. */
export function messageOf(error: unknown): string {
  if (error instanceof ShownError) return error.message;
  const found = ConnectError.from(error);
  // Seul un statut gRPC vient du serveur ; sans lui, le texte est celui du navigateur ou de la bibliothèque, en anglais.
  if (found.metadata.has("grpc-status") && found.rawMessage) return frenchOf(found.rawMessage);
  switch (found.code) {
    case Code.Canceled:
      return T.errors.cancelled;
    case Code.DeadlineExceeded:
      return T.errors.timeout;
    case Code.ResourceExhausted:
      return T.errors.busy;
    case Code.Unauthenticated:
    case Code.PermissionDenied:
      return T.errors.refused;
    case Code.Unknown:
    case Code.Unavailable:
      return T.errors.unreachable;
    default:
      return T.errors.unexpected(Code[found.code]);
  }
}
