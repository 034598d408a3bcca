// Les exemples de gRPC, service par service.
import { pythonChannel, pythonMetadata, type ServerAccess } from "../snippets/server";

/** Modèle à nommer dans chaque exemple. */
export type Keys = Record<"chat" | "transcribe" | "diarize", string>;

/** Appel d'un service gRPC, en Python. */
export function grpcSample(service: string, target: ServerAccess, keys: Keys): string | undefined {
  const channel = `with ${pythonChannel(target)} as channel:`;
  const metadata = pythonMetadata(target);
  const os = target.keyed ? "import os\n\n" : "";
  const file = 'Path("reunion.wav").read_bytes()';
  switch (service) {
    case "passerelle.v1.ChatService":
      return `${os}import grpc
from passerelle.v1 import chat_pb2, chat_pb2_grpc

message = chat_pb2.ChatMessage(
    role=chat_pb2.CHAT_ROLE_USER,
    content=[chat_pb2.ContentPart(text="Bonjour !")],
)
request = chat_pb2.ChatRequest(model="${keys.chat}", messages=[message])
${channel}
    answer = chat_pb2_grpc.ChatServiceStub(channel).Chat(request${metadata})
    print(answer.choices[0].message.content[0].text)
`;
    case "passerelle.v1.TranscribeService":
      return `${os}from pathlib import Path

import grpc
from passerelle.v1 import transcribe_pb2, transcribe_pb2_grpc

config = transcribe_pb2.TranscribeConfig(model="${keys.transcribe}")
request = transcribe_pb2.TranscribeRequest(config=config, audio=${file})
${channel}
    print(transcribe_pb2_grpc.TranscribeServiceStub(channel).Transcribe(request${metadata}).text)
`;
    case "passerelle.v1.DiarizeService":
      return `${os}from pathlib import Path

import grpc
from passerelle.v1 import diarize_pb2, diarize_pb2_grpc

config = diarize_pb2.DiarizeConfig(model="${keys.diarize}")
request = diarize_pb2.DiarizeRequest(config=config, audio=${file})
${channel}
    for turn in diarize_pb2_grpc.DiarizeServiceStub(channel).Diarize(request${metadata}).turns:
        print(turn.speaker_label, turn.start_offset.ToTimedelta(), turn.end_offset.ToTimedelta())
`;
    case "passerelle.v1.AdminService":
      return `${os}import grpc
from passerelle.v1 import admin_pb2, admin_pb2_grpc, model_pb2

${channel}
    admin = admin_pb2_grpc.AdminServiceStub(channel)
    for update in admin.WatchStatus(admin_pb2.WatchStatusRequest()${metadata}):
        print([(model.key, model_pb2.ModelState.Name(model.state)) for model in update.status.models])
`;
    case "grpc.health.v1.Health":
      return `import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

${channel}
    answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
    print(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))
`;
    case "grpc.reflection.v1.ServerReflection":
    case "grpc.reflection.v1alpha.ServerReflection":
      return `import grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

${channel}
    print("\\n".join(ProtoReflectionDescriptorDatabase(channel).get_services()))
`;
    default:
      return undefined;
  }
}

/** Client d'un service gRPC-Web, dans un navigateur. */
export function grpcWebSample(service: string, { base, keyed }: ServerAccess): string {
  const name = service.replace(/^.*\./, "");
  const file = name.replace(/Service$/, "").toLowerCase();
  const interceptor = `
const key = prompt("Clé d'accès");
const withKey = (next) => (request) => {
  request.header.set("authorization", \`Bearer \${key}\`);
  return next(request);
};
`;
  return `import { createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { ${name} } from "./gen/passerelle/v1/${file}_pb";
${keyed ? interceptor : ""}
const transport = createGrpcWebTransport({ baseUrl: "${base}"${keyed ? ", interceptors: [withKey]" : ""} });
const client = createClient(${name}, transport);
`;
}
