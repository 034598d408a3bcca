// Chaque méthode du contrat, appelée par gRPC-Web et vérifiée, depuis la page : grpc_web.mjs assemble et injecte ce fichier.
import { createFileRegistry, type DescMethod, type DescService, fromBinary } from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";
import { durationMs, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { admin, chat } from "../src/api/client";
import { messageOf } from "../src/api/errors";
import type { HttpBody } from "../src/gen/google/api/httpbody_pb";
import { AdminService } from "../src/gen/passerelle/v1/admin_pb";
import { ChatRole, ChatService } from "../src/gen/passerelle/v1/chat_pb";
import { DiarizeService } from "../src/gen/passerelle/v1/diarize_pb";
import { KeyService } from "../src/gen/passerelle/v1/keys_pb";
import { LogLevel } from "../src/gen/passerelle/v1/log_level_pb";
import { ModelState } from "../src/gen/passerelle/v1/model_pb";
import { OperationKind, OperationState } from "../src/gen/passerelle/v1/operation_pb";
import { ProbeService } from "../src/gen/passerelle/v1/probe_pb";
import { QuotaService } from "../src/gen/passerelle/v1/quotas_pb";
import { type Request, RequestService } from "../src/gen/passerelle/v1/requests_pb";
import { RestService } from "../src/gen/passerelle/v1/rest_pb";
import { TranscribeService } from "../src/gen/passerelle/v1/transcribe_pb";
import { UsageService, UsageStep } from "../src/gen/passerelle/v1/usage_pb";
import { french } from "../src/typography";

/** Un appel vérifié par méthode que gRPC-Web sait porter ; en oublier une est une faute de type. */
type Calls<S extends DescService> = {
  [M in keyof S["method"] as S["method"][M]["methodKind"] extends "unary" | "server_streaming"
    ? M
    : never]: () => Promise<void>;
};

/** Ce que la page ne sait pas lire d'elle-même, en base64. */
interface Given {
  /** Phrase enregistrée. */
  phrase: string;
  /** Dialogue à deux voix. */
  dialogue: string;
  /** Descripteur des services, qui porte aussi `google.rpc`. */
  descriptor: string;
}

interface ErrorInfo {
  reason: string;
  domain: string;
  metadata: Record<string, string>;
}

const PATIENCE_MS = 10_000;
const KEYS = ["qwen", "canary", "pyannote"];
const UNKNOWN = "modèle-inconnu";

const transport = createGrpcWebTransport({ baseUrl: location.origin });
const transcriber = createClient(TranscribeService, transport);
const diarizer = createClient(DiarizeService, transport);
const keys = createClient(KeyService, transport);
const quotas = createClient(QuotaService, transport);
const requests = createClient(RequestService, transport);
const usage = createClient(UsageService, transport);
const rest = createClient(RestService, transport);
const probe = createClient(ProbeService, transport);

let phrase = new Uint8Array();
let dialogue = new Uint8Array();
let registry = createFileRegistry();

export function prepare(given: Given) {
  phrase = base64Decode(given.phrase);
  dialogue = base64Decode(given.dialogue);
  registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, base64Decode(given.descriptor)));
}

function check(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

function question(maxTokens: number, text = "What is the capital of France?") {
  return {
    model: "qwen",
    messages: [{ role: ChatRole.USER, content: [{ part: { case: "text" as const, value: text } }] }],
    options: { maxTokens, temperature: 0, seed: 7n },
  };
}

/** Demande dont la réponse fait exactement `maxTokens` jetons. */
function story(maxTokens: number) {
  const asked = question(maxTokens, "Tell a very long story.");
  return { ...asked, options: { ...asked.options, extra: { ignore_eos: true } } };
}

function completion() {
  return { model: "qwen", prompt: "Once upon a time", options: { maxTokens: 12, temperature: 0 } };
}

async function model(key: string) {
  const found = (await admin.getStatus({})).status?.models.find((one) => one.key === key);
  check(found, `${key} manque à l'état`);
  return found;
}

/** Télécharge et charge un modèle s'il ne l'est pas. */
async function ready(key: string) {
  if ((await model(key)).state === ModelState.READY) return;
  await admin.downloadModel({ model: key, wait: true });
  await admin.loadModel({ model: key, wait: true });
}

async function until(condition: () => Promise<boolean>, what: string) {
  const deadline = Date.now() + PATIENCE_MS;
  while (Date.now() < deadline) {
    if (await condition()) return;
  }
  throw new Error(`jamais venu : ${what}`);
}

/** L'erreur d'un appel qui doit échouer. */
async function failure(call: Promise<unknown>): Promise<ConnectError> {
  const error = await call.then(
    () => undefined,
    (found: unknown) => found,
  );
  check(error instanceof ConnectError, `une erreur gRPC était attendue, non : ${error}`);
  return error;
}

/** Vérifie le code, le motif, le champ en cause et le message français d'une erreur. */
function checkError(error: ConnectError, code: Code, reason: string, field: string, value: string) {
  const said = `${Code[error.code]} ${error.rawMessage}`;
  check(error.code === code, `${Code[code]} attendu : ${said}`);
  const [detail] = error.findDetails(registry).filter((one) => one.$typeName === "google.rpc.ErrorInfo");
  check(detail, `ErrorInfo manque : ${said}`);
  const info = detail as unknown as ErrorInfo;
  check(info.domain === "passerelle" && info.reason === reason, `${reason} attendu : ${info.domain} ${info.reason}`);
  const { metadata } = info;
  check(
    metadata.field === field && Object.values(metadata).includes(value),
    `${field} ${value} attendu : ${JSON.stringify(metadata)}`,
  );
  // La page montre le français, sans la phrase anglaise qui peut le suivre à la ligne.
  const shown = messageOf(error);
  check(shown.includes(value) && shown === french(error.rawMessage.split("\n")[0] ?? ""), `message perdu : ${said}`);
}

async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const message of stream) found.push(message);
  return found;
}

function jsonBody(body: unknown) {
  return { contentType: "application/json", data: new TextEncoder().encode(JSON.stringify(body)) };
}

/** Corps entier d'une réponse en HttpBody ; son type doit être celui attendu. */
async function bodyText(stream: AsyncIterable<HttpBody>, contentType: string): Promise<string> {
  const parts = await all(stream);
  const kind = parts[0]?.contentType ?? "";
  check(kind.startsWith(contentType), `${contentType} attendu : ${kind}`);
  const decoder = new TextDecoder();
  return parts.map((part) => decoder.decode(part.data, { stream: true })).join("");
}

const chatCalls: Calls<typeof ChatService> = {
  async chat() {
    await ready("qwen");
    const { choices, usage } = await chat.chat(question(24));
    const part = choices[0]?.message?.content[0]?.part;
    check(part?.case === "text" && part.value, "réponse vide");
    check(["stop", "length"].includes(choices[0]?.finishReason ?? ""), `fin : ${choices[0]?.finishReason}`);
    check(usage?.completionTokens, "jetons non comptés");
  },
  async streamChat() {
    await ready("qwen");
    const messages = await all(chat.streamChat({ request: question(48) }));
    const deltas = messages.flatMap((message) => message.deltas);
    const text = deltas.map((delta) => delta.content).join("");
    const whole = await chat.chat(question(48));
    // Sur une machine chargée, le front regroupe : seul le premier message, parti aussitôt, est sûr d'être à part.
    check(messages.length > 1, `réponse d'un seul tenant : ${messages.length} messages`);
    check(text && text === whole.choices[0]?.message?.content[0]?.part.value, `le flux dit autre chose : ${text}`);
    const ends = deltas.map((delta) => delta.finishReason).filter(Boolean);
    check(ends.length === 1 && ends[0] === whole.choices[0]?.finishReason, `fins : ${ends}`);
    const tokens = messages.at(-1)?.usage?.completionTokens;
    check(tokens && tokens === whole.usage?.completionTokens, `jetons : ${tokens}`);
  },
  async complete() {
    await ready("qwen");
    const { choices } = await chat.complete(completion());
    check(choices[0]?.text && choices[0].finishReason === "length", `complétion : ${choices[0]?.text}`);
  },
  async streamComplete() {
    await ready("qwen");
    const messages = await all(chat.streamComplete({ request: completion() }));
    const deltas = messages.flatMap((message) => message.deltas);
    const text = deltas.map((delta) => delta.text).join("");
    const whole = await chat.complete(completion());
    check(text && text === whole.choices[0]?.text, `le flux dit autre chose : ${text}`);
    const ends = deltas.map((delta) => delta.finishReason).filter(Boolean);
    check(ends.length === 1 && ends[0] === "length", `fins : ${ends}`);
  },
  async countTokens() {
    await ready("qwen");
    const { usage } = await chat.chat(question(1));
    const { count, tokens } = await chat.countTokens({
      content: { case: "chat", value: question(1) },
      withTokens: true,
    });
    check(count === usage?.promptTokens && count === tokens.length, `jetons : ${count}, ${usage?.promptTokens}`);
  },
};

const transcribeCalls: Calls<typeof TranscribeService> = {
  async transcribe() {
    await ready("canary");
    const found = await transcriber.transcribe({ config: { wordTimestamps: true }, audio: phrase });
    check(found.text.includes("Dashwood") && found.language === "en", `texte : ${found.language} ${found.text}`);
    const words = found.segments.flatMap((segment) => segment.words);
    check(words.length > 5, `mots : ${words.length}`);
    const starts = words.map((word) => (word.startOffset ? durationMs(word.startOffset) : Number.NaN));
    check(
      starts.every((start, rank) => start >= (starts[rank - 1] ?? 0)),
      `bornes : ${starts}`,
    );
    const { duration, coverage } = found;
    check(duration && coverage?.coveredDuration, "couverture absente");
    check(durationMs(duration) === durationMs(coverage.coveredDuration), "audio mal couvert");
  },
  async writeTranscript() {
    await ready("canary");
    const transcript = await transcriber.transcribe({ config: { wordTimestamps: true }, audio: phrase });
    const { forms } = await transcriber.writeTranscript({ transcript });
    const names = forms.map(({ format }) => format).sort();
    check(`${names}` === "json,srt,text,verbose_json,vtt", `formes : ${names}`);
    const text = forms.find(({ format }) => format === "text")?.text;
    check(text === `${transcript.text}\n`, `texte : ${text}`);
  },
};

const diarizeCalls: Calls<typeof DiarizeService> = {
  async diarize() {
    await ready("pyannote");
    const found = await diarizer.diarize({ audio: dialogue });
    const labels = new Set(found.turns.map((turn) => turn.speakerLabel));
    check(labels.size === 2 && found.speakers.length === 2, `locuteurs : ${[...labels]}`);
    for (const { startOffset, endOffset } of found.turns) {
      check(startOffset && endOffset && durationMs(startOffset) < durationMs(endOffset), "tour vide");
    }
  },
  async writeDiarization() {
    await ready("pyannote");
    const diarization = await diarizer.diarize({ audio: dialogue });
    const { forms } = await diarizer.writeDiarization({ diarization, formats: ["rttm"] });
    const lines = forms[0]?.text.trim().split("\n") ?? [];
    check(forms.length === 1 && lines.length === diarization.turns.length, `RTTM : ${lines}`);
  },
};

const adminCalls: Calls<typeof AdminService> = {
  async getStatus() {
    const { status } = await admin.getStatus({});
    check(status?.profile === "embarque" && (status.host?.cpuCount ?? 0) > 0, `profil : ${status?.profile}`);
    check(`${status.models.map((one) => one.key)}` === `${KEYS}`, "modèles du profil");
  },
  async watchStatus() {
    await ready("qwen");
    const stop = new AbortController();
    // À une minute la période, tout message après le premier vient d'un changement.
    const stream = admin.watchStatus({ interval: { seconds: 60n } }, { signal: stop.signal })[Symbol.asyncIterator]();
    const state = async (expected: ModelState) => {
      for (;;) {
        const { value } = await stream.next();
        const found = value?.status?.models.find((one: { key: string }) => one.key === "qwen");
        check(found, "flux fini trop tôt");
        if (found.state === expected) return value.sequence;
      }
    };
    const first = await state(ModelState.READY);
    check(first === 1, `premier message : ${first}`);
    await admin.unloadModel({ model: "qwen", wait: true });
    const second = await state(ModelState.CACHED);
    await ready("qwen");
    check(first < second && second < (await state(ModelState.READY)), "numéros de message");
    stop.abort();
    // Un état venu avant l'abandon se lit encore.
    const ended = async () => {
      while (!(await stream.next()).done);
    };
    check((await failure(ended())).code === Code.Canceled, "le suivi survit à son abandon");
  },
  async listModels() {
    const first = await admin.listModels({ pageSize: 2 });
    const rest = await admin.listModels({ pageToken: first.nextPageToken });
    const keys = [...first.models, ...rest.models].map((one) => one.key);
    check(first.models.length === 2 && `${keys}` === `${KEYS}` && !rest.nextPageToken, `modèles : ${keys}`);
  },
  async getCapabilities() {
    const { limits, models, endpoints } = await admin.getCapabilities({});
    check(limits?.chat?.maxN === 16 && models.length === 3, "limites ou modèles");
    check(
      endpoints.some((one) => one.path === "/v1/chat/completions" && one.port === Number(location.port)),
      "adresse de la conversation",
    );
  },
  async getAccess() {
    const { inference, admin: administration } = await admin.getAccess({});
    check(inference && administration, "sans clé exigée, tout est ouvert");
  },
  async downloadModel() {
    const { operation } = await admin.downloadModel({ model: "qwen", wait: true });
    check(operation?.kind === OperationKind.DOWNLOAD && operation.model === "qwen", `genre : ${operation?.kind}`);
    check(operation.state === OperationState.SUCCEEDED && operation.finishedAt, `état : ${operation.state}`);
    const { artifactsCached, cachedBytes, totalBytes } = await model("qwen");
    check(artifactsCached && cachedBytes > 0 && cachedBytes === totalBytes, `poids : ${cachedBytes} sur ${totalBytes}`);
  },
  async loadModel() {
    await admin.downloadModel({ model: "qwen", wait: true });
    await admin.unloadModel({ model: "qwen", wait: true });
    const { operation } = await admin.loadModel({ model: "qwen", wait: true });
    check(operation?.kind === OperationKind.LOAD, `genre : ${operation?.kind}`);
    check(operation.state === OperationState.SUCCEEDED, `état : ${operation.state}`);
    const { state, replicas } = await model("qwen");
    check(state === ModelState.READY && replicas.length === 1, `modèle : ${ModelState[state]}`);
  },
  async checkLoad() {
    const verdict = await admin.checkLoad({ model: "qwen" });
    check(verdict.fits && verdict.replicas === 1 && verdict.gpus.length === 0, "verdict sans GPU");
  },
  async removeWeights() {
    await admin.downloadModel({ model: "qwen", wait: true });
    // Les poids d'un modèle chargé ne se retirent pas, même à blanc.
    await admin.unloadModel({ model: "qwen", wait: true });
    const { revisions, freedBytes } = await admin.removeWeights({ model: "qwen", dryRun: true });
    check(revisions.length === 1 && revisions[0]?.current && freedBytes > 0, `révisions : ${revisions.length}`);
    check((await model("qwen")).artifactsCached, "un essai à blanc ne retire rien");
    await ready("qwen");
  },
  async sleepModel() {
    await ready("qwen");
    const refused = await failure(admin.sleepModel({ model: "qwen", wait: true }));
    check(refused.code === Code.InvalidArgument, `llama.cpp ne sait pas dormir : ${refused.message}`);
  },
  async wakeModel() {
    await ready("qwen");
    const { operation } = await admin.wakeModel({ model: "qwen", wait: true });
    check(operation?.state === OperationState.SUCCEEDED, "réveil d'un modèle éveillé");
  },
  async unloadModel() {
    await ready("qwen");
    const { operation } = await admin.unloadModel({ model: "qwen", wait: true });
    check(operation?.kind === OperationKind.UNLOAD, `genre : ${operation?.kind}`);
    check(operation.state === OperationState.SUCCEEDED, `état : ${operation.state}`);
    const { state, replicas } = await model("qwen");
    check(state === ModelState.CACHED && replicas.length === 0, `modèle : ${ModelState[state]}`);
    await ready("qwen");
  },
  async cancelOperation() {
    const error = await failure(admin.cancelOperation({ operationId: "absente" }));
    checkError(error, Code.NotFound, "OPERATION_NOT_FOUND", "operation_id", "absente");
    await ready("pyannote");
    await admin.unloadModel({ model: "pyannote", wait: true });
    const started = await admin.loadModel({ model: "pyannote" });
    check(started.operation?.state === OperationState.RUNNING, `état : ${started.operation?.state}`);
    const { operation } = await admin.cancelOperation({ operationId: started.operation.id });
    check(operation?.id === started.operation.id, "une autre opération");
    check(operation.state === OperationState.CANCELLED, `état : ${operation.state}`);
    check((await model("pyannote")).state === ModelState.CACHED, "le chargement continue");
    await ready("pyannote");
  },
  async listOperations() {
    await ready("qwen");
    const first = await admin.listOperations({ pageSize: 1, model: "qwen" });
    check(first.operations.length === 1 && first.nextPageToken, "première page");
    const rest = await admin.listOperations({ pageToken: first.nextPageToken, model: "qwen" });
    const found = [...first.operations, ...rest.operations];
    check(new Set(found.map((one) => one.id)).size === found.length && found.length > 1, "pages qui se recouvrent");
    check(
      found.every((one) => one.model === "qwen") && found.some((one) => one.kind === OperationKind.LOAD),
      "opérations de qwen",
    );
  },
  async getLogLevel() {
    const { level, configured } = await admin.getLogLevel({});
    check(level !== LogLevel.UNSPECIFIED && level === configured, `niveau : ${level}, ${configured}`);
  },
  async setLogLevel() {
    check((await admin.setLogLevel({ level: LogLevel.ERROR })).level === LogLevel.ERROR, "niveau changé");
    const { level } = await admin.setLogLevel({});
    check(level === (await admin.getLogLevel({})).configured, `niveau rendu : ${level}`);
  },
  async streamLogs() {
    await ready("qwen");
    const lines = (await all(admin.streamLogs({ model: "qwen", tailLines: 5 }))).flatMap((message) => message.lines);
    check(lines.length > 0 && lines.length <= 5, `lignes : ${lines.length}`);
    const stop = new AbortController();
    const followed = admin.streamLogs({ model: "qwen", tailLines: 1, follow: true }, { signal: stop.signal });
    const stream = followed[Symbol.asyncIterator]();
    check((await stream.next()).value?.lines.length === 1, "le suivi commence par la dernière ligne");
    const next = stream.next();
    await admin.unloadModel({ model: "qwen", wait: true });
    await ready("qwen");
    check((await next).value?.lines.length > 0, "les lignes nouvelles");
    stop.abort();
    check((await failure(all({ [Symbol.asyncIterator]: () => stream }))).code === Code.Canceled, "le suivi continue");
  },
};

/** Sans clé d'administration, les clés ne se touchent que de la machine : la page n'en lit que le refus. */
async function closed(call: Promise<unknown>): Promise<void> {
  const { code, rawMessage } = await failure(call);
  check(code === Code.Unauthenticated && rawMessage.includes("passerelle keys create"), `refus : ${rawMessage}`);
}

const keyCalls: Calls<typeof KeyService> = {
  createKey: () => closed(keys.createKey({})),
  listKeys: () => closed(keys.listKeys({})),
  rotateKey: () => closed(keys.rotateKey({ id: "absente" })),
  revokeKey: () => closed(keys.revokeKey({ id: "absente" })),
  setKeyQuota: () => closed(keys.setKeyQuota({ id: "absente" })),
};

const quotaCalls: Calls<typeof QuotaService> = {
  async getQuota() {
    const { key, quota, uses } = await quotas.getQuota({});
    check(!key && !quota && uses.length === 0, "sans clé, aucun quota");
  },
};

/** Requête la plus récente de qwen qui convient, dès que le serveur la montre. */
async function shown(wanted: (one: Request) => boolean): Promise<Request> {
  let found: Request | undefined;
  await until(async () => {
    const page = await requests.listRequests({ filter: { model: "qwen" } });
    found = page.requests.find(wanted);
    return found !== undefined;
  }, "requête montrée");
  if (!found) throw new Error("requête absente");
  return found;
}

const requestCalls: Calls<typeof RequestService> = {
  async listRequests() {
    await ready("qwen");
    await chat.chat(question(8));
    const done = await shown((one) => one.status === "OK" && !one.running);
    check(done.tokensOut !== undefined && done.tokensOut > 0 && done.replicas.length === 1, `jetons de ${done.call}`);
  },
  async getRequest() {
    const { call } = await shown(() => true);
    check((await requests.getRequest({ id: call })).request?.call === call, "une autre requête");
    checkError(
      await failure(requests.getRequest({ id: "absente" })),
      Code.NotFound,
      "REQUEST_NOT_FOUND",
      "id",
      "absente",
    );
  },
  async watchRequests() {
    await shown(() => true);
    const stop = new AbortController();
    const stream = requests.watchRequests({ history: 1 }, { signal: stop.signal })[Symbol.asyncIterator]();
    check((await stream.next()).value?.requests.length >= 1, "l'histoire vient d'abord");
    stop.abort();
  },
  async cancelRequest() {
    await ready("qwen");
    const told = failure(all(chat.streamChat({ request: story(3000) })));
    const { call } = await shown((one) => one.running);
    check((await requests.cancelRequest({ id: call })).cancelled === 1, "interrompue");
    const { code, rawMessage } = await told;
    check(code === Code.PermissionDenied, `interruption : ${rawMessage}`);
    check((await shown((one) => one.call === call && !one.running)).status === "REQUEST_CANCELLED", "issue montrée");
  },
};

const usageCalls: Calls<typeof UsageService> = {
  async getUsage() {
    await ready("qwen");
    await chat.chat(question(8));
    await until(async () => {
      const { rows } = await usage.getUsage({ query: { model: "qwen", step: UsageStep.ALL } });
      return rows.some((row) => (row.outcomes.OK ?? 0) > 0 && row.tokensOut > 0);
    }, "usage compté");
  },
  async exportUsage() {
    const text = await bodyText(usage.exportUsage({ query: { step: UsageStep.DAY } }), "text/csv; charset=utf-8");
    check(text.startsWith("since,key,model,"), `CSV : ${text}`);
  },
  async eraseUsage() {
    check((await usage.eraseUsage({ key: "absente" })).requests === 0, "rien à effacer");
  },
  async eraseOwner() {
    check((await usage.eraseOwner({ owner: "absent" })).erased?.keys.length === 0, "personne à effacer");
  },
};

const restCalls: Calls<typeof RestService> = {
  async createChatCompletion() {
    await ready("qwen");
    const messages = [{ role: "user", content: "What is the capital of France?" }];
    const asked = { model: "qwen", messages, max_tokens: 24, temperature: 0, stream: true };
    const text = await bodyText(rest.createChatCompletion(jsonBody(asked)), "text/event-stream");
    const events = text.split("\n\n").filter(Boolean);
    check(events.length > 3 && events.at(-1) === "data: [DONE]", `événements : ${text}`);
    const parts = events.slice(0, -1).map((event) => JSON.parse(event.slice("data: ".length)).choices[0]);
    check(parts.map((part) => part.delta.content ?? "").join(""), "réponse vide");
    check(["stop", "length"].includes(parts.at(-1).finish_reason), `fin : ${parts.at(-1).finish_reason}`);
  },
  async createCompletion() {
    await ready("qwen");
    const asked = { model: "qwen", prompt: "Once upon a time", max_tokens: 12, temperature: 0 };
    const text = await bodyText(rest.createCompletion(jsonBody(asked)), "application/json");
    const [choice] = JSON.parse(text).choices;
    check(choice.text && choice.finish_reason === "length", `complétion : ${text}`);
  },
  async tokenize() {
    await ready("qwen");
    const text = await bodyText(rest.tokenize(jsonBody({ model: "qwen", prompt: "Once upon" })), "application/json");
    check(JSON.parse(text).count === JSON.parse(text).tokens.length, `jetons : ${text}`);
  },
  async detokenize() {
    await ready("qwen");
    const text = await bodyText(rest.detokenize(jsonBody({ model: "qwen", tokens: [9825] })), "application/json");
    check(JSON.parse(text).prompt === "Count", `texte : ${text}`);
  },
  async listOpenAiModels() {
    const text = await bodyText(rest.listOpenAiModels({}), "application/json");
    const ids = JSON.parse(text).data.map((one: { id: string }) => one.id);
    check(
      KEYS.every((key) => ids.includes(key)),
      `modèles : ${text}`,
    );
  },
  async retrieveOpenAiModel() {
    const text = await bodyText(rest.retrieveOpenAiModel({ model: "qwen" }), "application/json");
    check(JSON.parse(text).id === "qwen", `modèle : ${text}`);
  },
  async checkHealth() {
    const text = await bodyText(rest.checkHealth({}), "application/json");
    check(JSON.parse(text).status === "ok", `vie : ${text}`);
  },
};

const probeCalls: Calls<typeof ProbeService> = {
  async checkReadiness() {
    const text = await bodyText(probe.checkReadiness({}), "application/json");
    check(JSON.parse(text).ready === true, `disponibilité : ${text}`);
  },
  async getVersion() {
    const text = await bodyText(probe.getVersion({}), "application/json");
    check(/^\d+\.\d+/.test(JSON.parse(text).version), `version : ${text}`);
  },
  async getMetrics() {
    const text = await bodyText(probe.getMetrics({}), "text/plain");
    check(/^# TYPE passerelle_/m.test(text), `mesures : ${text.slice(0, 200)}`);
  },
};

function named<S extends DescService>(service: S, calls: Calls<S>): [string, () => Promise<void>][] {
  const methods: Record<string, DescMethod> = service.method;
  return Object.entries<() => Promise<void>>(calls).map(([local, call]) => [
    `${service.typeName}/${methods[local]?.name}`,
    call,
  ]);
}

const calls = new Map([
  ...named(ChatService, chatCalls),
  ...named(TranscribeService, transcribeCalls),
  ...named(DiarizeService, diarizeCalls),
  ...named(AdminService, adminCalls),
  ...named(KeyService, keyCalls),
  ...named(QuotaService, quotaCalls),
  ...named(RequestService, requestCalls),
  ...named(UsageService, usageCalls),
  ...named(RestService, restCalls),
  ...named(ProbeService, probeCalls),
]);

/** Méthodes appelées ici (`paquet.Service/Méthode`). */
export function methods(): string[] {
  return [...calls.keys()];
}

/** Appelle une méthode et vérifie sa réponse. */
export async function call(name: string): Promise<void> {
  await calls.get(name)?.();
}

/** Une erreur et ses détails, d'un appel simple et d'un flux, d'un front et du plan de contrôle. */
export async function errors(): Promise<void> {
  const unknown = { ...question(8), model: UNKNOWN };
  for (const error of [
    await failure(chat.chat(unknown)),
    await failure(all(chat.streamChat({ request: unknown }))),
    await failure(admin.loadModel({ model: UNKNOWN })),
    await failure(all(admin.streamLogs({ model: UNKNOWN }))),
  ]) {
    checkError(error, Code.NotFound, "MODEL_NOT_FOUND", "model", UNKNOWN);
  }
}

/** Un flux abandonné en route : le moteur s'arrête. */
export async function cancel(): Promise<void> {
  await ready("qwen");
  const stop = new AbortController();
  let seen = 0;
  const read = async () => {
    for await (const _ of chat.streamChat({ request: story(3000) }, { signal: stop.signal })) {
      seen += 1;
      if (seen === 1) {
        // L'exemplaire annonce sa charge une fois par seconde ; le premier jeton peut venir avant.
        await until(async () => {
          const { replicas } = await model("qwen");
          return replicas.some((replica) => replica.runningRequests > 0);
        }, "requête en cours");
      }
      if (seen === 3) stop.abort();
    }
  };
  const error = await failure(read());
  check(error.code === Code.Canceled && seen >= 3, `Canceled attendu : ${error.message}`);
  await until(async () => {
    const { replicas } = await model("qwen");
    return replicas.every((replica) => replica.runningRequests === 0);
  }, "moteur arrêté");
}

/** Une réponse de `tokens` jetons au fil de l'eau ; instants en secondes. */
export async function tell(tokens: number) {
  let text = "";
  let finish = "";
  let produced = 0;
  let begin = 0;
  for await (const { deltas, usage } of chat.streamChat({ request: story(tokens) })) {
    begin ||= Date.now() / 1000;
    text += deltas.map((delta) => delta.content).join("");
    finish += deltas.map((delta) => delta.finishReason).join("");
    produced = usage?.completionTokens ?? produced;
  }
  return { text, finish, tokens: produced, begin, end: Date.now() / 1000 };
}
