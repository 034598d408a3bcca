// Les clients gRPC-Web ; même origine que la page.
import { createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { AdminService } from "../gen/passerelle/v1/admin_pb";
import { ChatService } from "../gen/passerelle/v1/chat_pb";
import { accessKey } from "./accessKey";

const withKey: Interceptor = (next) => (request) => {
  const key = accessKey();
  if (key) request.header.set("authorization", `Bearer ${key}`);
  return next(request);
};

let admin = createClient(AdminService, web());
let chat = createClient(ChatService, web());

export { admin, chat };

function web(): Transport {
  return createGrpcWebTransport({ baseUrl: location.origin, interceptors: [withKey] });
}

/** Remplace le transport des clients : les essais y mettent un serveur à eux. */
export function connectTo(transport: Transport): void {
  admin = createClient(AdminService, transport);
  chat = createClient(ChatService, transport);
}
