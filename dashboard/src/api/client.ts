// Tous les clients gRPC-Web ; l'accueil n'a besoin que d'admin.ts, et ne lit pas les autres contrats.
import { createClient, type Transport } from "@connectrpc/connect";
import { ChatService } from "../gen/passerelle/v1/chat_pb";
import { DiarizeService } from "../gen/passerelle/v1/diarize_pb";
import { KeyService } from "../gen/passerelle/v1/keys_pb";
import { RequestService } from "../gen/passerelle/v1/requests_pb";
import { TranscribeService } from "../gen/passerelle/v1/transcribe_pb";
import { UsageService } from "../gen/passerelle/v1/usage_pb";
import { admin, connectAdminTo, web } from "./admin";

let chat = createClient(ChatService, web);
let transcribe = createClient(TranscribeService, web);
let diarize = createClient(DiarizeService, web);
let keys = createClient(KeyService, web);
let requests = createClient(RequestService, web);
let usage = createClient(UsageService, web);

export { admin, chat, diarize, keys, requests, transcribe, usage };

/** Remplace le transport des clients : les essais y mettent un serveur à eux. */
export function connectTo(transport: Transport): void {
  connectAdminTo(transport);
  chat = createClient(ChatService, transport);
  transcribe = createClient(TranscribeService, transport);
  diarize = createClient(DiarizeService, transport);
  keys = createClient(KeyService, transport);
  requests = createClient(RequestService, transport);
  usage = createClient(UsageService, transport);
}
