// Le client d'administration : le seul dont toutes les pages ont besoin.
import { createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { AdminService } from "../gen/passerelle/v1/admin_pb";
import { accessKey } from "./accessKey";

const withKey: Interceptor = (next) => (request) => {
  const key = accessKey();
  if (key) request.header.set("authorization", `Bearer ${key}`);
  return next(request);
};

/** Vers le serveur de la page, avec sa clé. */
export const web: Transport = createGrpcWebTransport({ baseUrl: location.origin, interceptors: [withKey] });

export let admin = createClient(AdminService, web);

export function connectAdminTo(transport: Transport): void {
  admin = createClient(AdminService, transport);
}
