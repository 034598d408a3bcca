// Un exemple prêt à lancer pour chaque route ; aucun ne porte de clé.
import { create, type DescMethod } from "@bufbuild/protobuf";
import { DEFAULTS, requestFor, type Task } from "../audio/job/request";
import { sketchFor } from "../audio/job/snippets";
import { sketchOf as chatSketch } from "../chat/ask";
import { AdminService } from "../gen/passerelle/v1/admin_pb";
import { DiarizeService } from "../gen/passerelle/v1/diarize_pb";
import { KeyService } from "../gen/passerelle/v1/keys_pb";
import { type ModelCapabilities, ModelCapabilitiesSchema } from "../gen/passerelle/v1/limits_pb";
import { Capability } from "../gen/passerelle/v1/model_pb";
import { QuotaService } from "../gen/passerelle/v1/quotas_pb";
import { RequestService } from "../gen/passerelle/v1/requests_pb";
import { TranscribeService } from "../gen/passerelle/v1/transcribe_pb";
import { UsageService } from "../gen/passerelle/v1/usage_pb";
import { configFor } from "../live/session/socket";
import { sketchOf as liveSketch } from "../live/snippets";
import { channel } from "../snippets/grpc";
import { LocalFile } from "../snippets/literals";
import type { SnippetTexts } from "../snippets/Snippets";
import type { Http, Rpc, ServerAccess } from "../snippets/sketch";
import { grpcWeb, written } from "../snippets/write";
import type { Address, Route } from "./routes";

/** Modèle de chaque capacité, qui sert d'exemple. */
type Models = Record<"chat" | "transcribe" | "diarize", ModelCapabilities>;

/** Exemples d'une route, sur un hôte. */
export function samplesOf(route: Route, address: Address, keyed: boolean, known: ModelCapabilities[]): SnippetTexts {
  const target = { base: address.base, keyed };
  const first = (capability: Capability) =>
    known.find((one) => one.capability === capability) ?? create(ModelCapabilitiesSchema, { key: "modele" });
  const models = {
    chat: first(Capability.CHAT),
    transcribe: first(Capability.TRANSCRIBE),
    diarize: first(Capability.DIARIZE),
  };
  const service = route.path.slice(1);
  switch (route.method) {
    case "gRPC": {
      const rpc = CALLS[service]?.(models);
      const grpc = rpc ? written({ rpc }, target).grpc : STANDARD[service]?.(target);
      return grpc === undefined ? {} : { grpc };
    }
    case "gRPC-Web": {
      const rpc = CALLS[service]?.(models);
      if (!rpc) return {};
      const { request, shown } = rpc;
      const method = UNARY[service];
      const whole = method && { method, request: { ...request, audio: new LocalFile(FILE) }, shown };
      return { web: grpcWeb(whole ?? rpc, target) };
    }
    case "WebSocket":
      // Un flux s'envoie et se lit à la fois : curl ne sait pas le faire.
      return written({ socket: liveSketch(configFor(models.transcribe, "", 0)).socket }, target);
    default:
      return written({ http: httpOf(route, models) }, target);
  }
}

const FILE = "reunion.wav";
/** Assez pour une phrase : un petit modèle peut ne jamais finir de lui-même. */
const MAX_TOKENS = 64;
const HELLO: Record<string, string> = { fr: "Bonjour !", en: "Hello!" };
const ONCE: Record<string, string> = { fr: "Il était une fois", en: "Once upon a time" };

/** La phrase d'une langue que le modèle annonce ; sans annonce, en français. */
function said(phrases: Record<string, string>, { languages }: ModelCapabilities): string {
  const code = languages.length === 0 ? "fr" : Object.keys(phrases).find((one) => languages.includes(one));
  return phrases[code ?? "en"] ?? "";
}

function chatOf({ chat }: Models) {
  const messages = [{ role: "user" as const, text: said(HELLO, chat) }];
  return chatSketch({ model: chat.key, messages, options: { maxTokens: MAX_TOKENS } });
}

function audioOf(task: Task, { transcribe, diarize }: Models) {
  return sketchFor(requestFor(task, DEFAULTS, task === "diarize" ? diarize : transcribe, diarize), FILE);
}

const MODELS = { sdk: "models.list", args: {}, shown: { each: ["", "model"] as [string, string], values: ["id"] } };
const speech = (resource: string, model: string) => ({
  form: { model },
  file: FILE,
  sdk: `audio.${resource}.create`,
  args: { model, file: new LocalFile(FILE) },
  shown: { values: ["text"] },
});

/** Ce qu'une route attend, et ce qu'on lit de sa réponse ; les autres n'ont que curl. */
const ROUTES: Record<string, (models: Models) => Partial<Http>> = {
  "/v1/chat/completions": (models) => chatOf(models).http,
  "/v1/completions": ({ chat }) => ({
    json: { model: chat.key, prompt: said(ONCE, chat), max_tokens: MAX_TOKENS },
    sdk: "completions.create",
    shown: { values: ["choices.0.text"] },
  }),
  "/v1/tokenize": ({ chat }) => ({ json: { model: chat.key, prompt: said(ONCE, chat) } }),
  "/v1/detokenize": ({ chat }) => ({ json: { model: chat.key, tokens: [40, 41] } }),
  "/v1/models": () => MODELS,
  // Un exemple qu'on essaie ne doit rien effacer, ni demander qu'on décharge.
  "/api/admin/models/{model}/remove": () => ({ json: { old_only: true, dry_run: true } }),
  "/api/keys": () => ({ json: { scopes: ["SCOPE_CHAT"], owner: "essai", lifetime: "3600s" } }),
  "/api/usage/erase": () => ({ json: { key: "CLE" } }),
  "/api/usage/erase-owner": () => ({ json: { owner: "QUI" } }),
  "/v1/models/{model}": ({ chat }) => ({ sdk: "models.retrieve", args: [chat.key], shown: { values: ["id"] } }),
  "/v1/audio/transcriptions": ({ transcribe }) => speech("transcriptions", transcribe.key),
  "/v1/audio/translations": ({ transcribe }) => speech("translations", transcribe.key),
  "/api/audio/transcribe": (models) => audioOf("transcribe", models).http,
  "/api/diarization/process": (models) => audioOf("diarize", models).http,
};

function httpOf({ method, path }: Route, models: Models): Http {
  const place = path
    .replace("{model}", models.chat.key)
    .replace("{operation_id}", "OPERATION")
    .replace("{id}", "IDENTIFIANT");
  // Une adresse qu'on lit et où l'on écrit n'a de corps que pour écrire.
  const { json, ...told } = ROUTES[path]?.(models) ?? { json: {} };
  const known = method === "POST" && json !== undefined ? { ...told, json } : told;
  return { ...known, method, path: place };
}

const CALLS: Record<string, (models: Models) => Rpc> = {
  "passerelle.v1.ChatService": (models) => chatOf(models).rpc,
  "passerelle.v1.TranscribeService": (models) => audioOf("transcribe", models).rpc,
  "passerelle.v1.DiarizeService": (models) => audioOf("diarize", models).rpc,
  "passerelle.v1.AdminService": () => ({
    method: AdminService.method.listModels,
    request: {},
    shown: { each: ["models", "model"], values: ["key", "state"] },
  }),
  "passerelle.v1.KeyService": () => ({
    method: KeyService.method.listKeys,
    request: {},
    shown: { each: ["keys", "key"], values: ["id", "owner"] },
  }),
  "passerelle.v1.QuotaService": () => ({
    method: QuotaService.method.getQuota,
    request: {},
    shown: { each: ["uses", "use"], values: ["name", "used"] },
  }),
  "passerelle.v1.RequestService": () => ({
    method: RequestService.method.listRequests,
    request: {},
    shown: { each: ["requests", "one"], values: ["id", "model", "status"] },
  }),
  "passerelle.v1.UsageService": () => ({
    method: UsageService.method.getUsage,
    request: {},
    shown: { each: ["rows", "row"], values: ["key", "model", "requests"] },
  }),
};

/** Un navigateur n'envoie pas de flux : le fichier y part en un message. */
const UNARY: Record<string, DescMethod> = {
  "passerelle.v1.TranscribeService": TranscribeService.method.transcribe,
  "passerelle.v1.DiarizeService": DiarizeService.method.diarize,
};

/** Services de gRPC lui-même, qui ne sont pas du contrat. */
const STANDARD: Record<string, (target: ServerAccess) => string> = {
  "grpc.health.v1.Health": (target) => `import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

with ${channel(target)} as channel:
    answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
    print(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))
`,
  "grpc.reflection.v1.ServerReflection": reflection,
  "grpc.reflection.v1alpha.ServerReflection": reflection,
};

function reflection(target: ServerAccess): string {
  return `import grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

with ${channel(target)} as channel:
    print("\\n".join(ProtoReflectionDescriptorDatabase(channel).get_services()))
`;
}
