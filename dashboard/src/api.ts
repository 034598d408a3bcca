// Les clients gRPC-Web ; même origine que la page.
import { Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { AdminService } from "./gen/passerelle/v1/admin_pb";
import { ChatService } from "./gen/passerelle/v1/chat_pb";

const STORED_KEY = "passerelle.key";

/** Clé de cet onglet ; vide si aucune n'a été donnée. */
export function accessKey(): string {
  return sessionStorage.getItem(STORED_KEY) ?? "";
}

/** Garde la clé pour cet onglet. */
export function setAccessKey(key: string): void {
  if (key) sessionStorage.setItem(STORED_KEY, key);
  else sessionStorage.removeItem(STORED_KEY);
}

const withKey: Interceptor = (next) => (request) => {
  const key = accessKey();
  if (key) request.header.set("authorization", `Bearer ${key}`);
  return next(request);
};

const transport = createGrpcWebTransport({ baseUrl: location.origin, interceptors: [withKey] });

export const admin = createClient(AdminService, transport);
export const chat = createClient(ChatService, transport);

/** Message d'une erreur, tel que le serveur l'a écrit ; `undefined` si l'appel a été abandonné exprès. */
export function messageOf(error: unknown): string | undefined {
  const found = ConnectError.from(error);
  return found.code === Code.Canceled ? undefined : found.rawMessage;
}
