import { BinaryReader } from "@bufbuild/protobuf/wire";
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

/** Ce qu'un refus porte de stable : son motif, et ce qui le précise (`field`, `limit`, `value`…). */
export interface ErrorInfo {
  reason: string;
  metadata: Record<string, string>;
}

/** `google.rpc.ErrorInfo` d'un refus ; `undefined` s'il n'en porte pas. */
export function errorInfo(error: unknown): ErrorInfo | undefined {
  for (const detail of ConnectError.from(error).details) {
    if ("type" in detail && detail.type === "google.rpc.ErrorInfo") return decode(detail.value);
  }
  return undefined;
}

// Son descripteur n'est pas produit pour la page : le joindre pèserait plus que lire ses deux champs utiles.
function decode(bytes: Uint8Array): ErrorInfo {
  const found: ErrorInfo = { reason: "", metadata: {} };
  for (const [field, reader] of fields(bytes)) {
    if (field === 1) found.reason = reader.string();
    else if (field === 3) {
      const entry = new Map<number, string>();
      for (const [part, inner] of fields(reader.bytes())) entry.set(part, inner.string());
      found.metadata[entry.get(1) ?? ""] = entry.get(2) ?? "";
    } else reader.bytes();
  }
  return found;
}

/** Champs d'un message qui n'a que des chaînes et des messages. */
function* fields(bytes: Uint8Array): Generator<[number, BinaryReader]> {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) yield [reader.tag()[0], reader];
}

/** Ce qu'une page dit d'un appel refusé. */
export interface Refusal {
  message: string;
  /** Motif du contrat ; vide si le serveur n'en a pas donné. */
  reason: string;
  /** Champ fautif, tel que le contrat le nomme (`gpus`, `options.max_model_len`) ; vide s'il n'y en a pas. */
  field: string;
}

export function refusalOf(error: unknown): Refusal {
  const info = errorInfo(error);
  return { message: messageOf(error), reason: info?.reason ?? "", field: info?.metadata.field ?? "" };
}
