import { BinaryReader } from "@bufbuild/protobuf/wire";
import { ConnectError } from "@connectrpc/connect";

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
