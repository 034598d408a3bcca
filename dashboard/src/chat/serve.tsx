// La page de conversation devant un faux serveur, pour les essais.
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { ConnectRouter, HandlerContext } from "@connectrpc/connect";
import { screen } from "@testing-library/react";
import { useState } from "react";
import { AdminService, StatusSchema } from "../gen/passerelle/v1/admin_pb";
import { ChatService, type StreamChatRequest, type StreamChatResponseSchema } from "../gen/passerelle/v1/chat_pb";
import { GetCapabilitiesResponseSchema } from "../gen/passerelle/v1/limits_pb";
import { Capability, type ModelSchema, ModelState } from "../gen/passerelle/v1/model_pb";
import { StatusProvider } from "../status/StatusProvider";
import { show } from "../testing/render";
import { ChatPage } from "./Chat";
import { restart, setSettings, stop } from "./talk";

type Reply = MessageInitShape<typeof StreamChatResponseSchema>;
type Answer = (request: StreamChatRequest, context: HandlerContext) => AsyncGenerator<Reply>;

export const QWEN: MessageInitShape<typeof ModelSchema> = {
  key: "qwen",
  displayName: "Qwen",
  capability: Capability.CHAT,
  state: ModelState.READY,
};

interface Served {
  models?: MessageInitShape<typeof ModelSchema>[];
  features?: string[];
  answer?: Answer;
  /** Ce que l'adresse demande. */
  search?: string;
}

/** Ouvre la page ; rend les requêtes que le serveur reçoit, et de quoi changer de page. */
export function serve({ models = [QWEN], features = [], answer = hello, search = "" }: Served = {}) {
  // L'essai d'avant a laissé sa conversation.
  stop();
  restart();
  setSettings(undefined);
  const asked: StreamChatRequest[] = [];
  const routes = (router: ConnectRouter) => {
    router.rpc(AdminService.method.watchStatus, async function* (_request, { signal }) {
      yield { status: create(StatusSchema, { models }), sequence: 1 };
      await until(signal);
    });
    router.rpc(AdminService.method.getCapabilities, () =>
      create(GetCapabilitiesResponseSchema, {
        limits: { chat: { maxTokens: 4096, maxStop: 4, maxImages: 2 }, maxJsonBodyBytes: 1_000_000 },
        models: [{ key: "qwen", features }],
      }),
    );
    router.rpc(ChatService.method.streamChat, (request, context) => {
      asked.push(request);
      return answer(request, context);
    });
  };
  show(
    <StatusProvider>
      <Pages />
    </StatusProvider>,
    routes,
    "/",
    search,
  );
  return { asked };
}

function Pages() {
  const [here, setHere] = useState(true);
  return (
    <>
      <button type="button" onClick={() => setHere(!here)}>
        autre page
      </button>
      {here && <ChatPage />}
    </>
  );
}

/** Une réponse en trois messages. */
export async function* hello(): AsyncGenerator<Reply> {
  yield { deltas: [{ content: "Bon" }] };
  yield { deltas: [{ content: "jour.", finishReason: "stop" }] };
  yield { usage: { promptTokens: 3, completionTokens: 2, totalTokens: 5 } };
}

/** Attend l'abandon d'un appel. */
export async function until(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await new Promise((done) => signal.addEventListener("abort", done, { once: true }));
}

/** Le champ de question, quand la page est là. */
export function input(): Promise<HTMLElement> {
  return screen.findByTestId("chat-input");
}
