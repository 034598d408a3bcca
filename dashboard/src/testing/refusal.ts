// Les refus du faux serveur : comme ceux du vrai, ils portent un `google.rpc.ErrorInfo`.
import { readFileSync } from "node:fs";
import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { type Code, ConnectError } from "@connectrpc/connect";

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync("../gen/passerelle.binpb")));

/** Refus de ce code ; `metadata` nomme par exemple le champ fautif (`field`). */
export function refusal(code: Code, reason: string, message: string, metadata: Record<string, string> = {}) {
  const desc = registry.getMessage("google.rpc.ErrorInfo");
  if (!desc) throw new Error("google.rpc.ErrorInfo manque au descripteur");
  return new ConnectError(message, code, { "grpc-status": String(code) }, [
    { desc, value: { reason, domain: "passerelle", metadata } },
  ]);
}
