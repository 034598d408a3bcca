// Les clients gRPC-Web ; même origine que la page.
import { createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { AdminService } from "../gen/passerelle/v1/admin_pb";
import { ChatService } from "../gen/passerelle/v1/chat_pb";
import { accessKey } from "./accessKey";

const withKey: Interceptor = (next) => (request) => {
  const key = accessKey();
  if (key) request.header.set("authorization", `Bearer ${key}`);
  return next(request);
};

const transport = createGrpcWebTransport({ baseUrl: location.origin, interceptors: [withKey] });

export const admin = createClient(AdminService, transport);
export const chat = createClient(ChatService, transport);
