// Une requête de conversation, comme on l'écrirait soi-même.
import { ChatService } from "../gen/passerelle/v1/chat_pb";
import { type Fields, LocalFile } from "../snippets/literals";
import type { SnippetTexts } from "../snippets/Snippets";
import type { ServerAccess, Sketch } from "../snippets/sketch";
import { written } from "../snippets/write";
import { type Ask, openAiBody, partsOf } from "./ask";

/** Les extraits d'une requête. */
export function snippetsOf(ask: Ask, target: ServerAccess): SnippetTexts {
  return written(sketchOf(ask), target);
}

/** La requête, au schéma d'OpenAI et en message typé ; une image y est lue dans un fichier de même nom, sans quoi ils seraient illisibles. */
export function sketchOf(ask: Ask) {
  const { model, messages, options } = ask;
  const content = (message: Ask["messages"][number]): Fields[] =>
    partsOf(message).map((part) =>
      typeof part === "string"
        ? { text: part }
        : { image: { data: new LocalFile(part.name), mime_type: part.mimeType } },
    );
  return {
    http: {
      method: "POST",
      path: "/v1/chat/completions",
      sdk: "chat.completions.create",
      json: openAiBody(ask, ({ name, mimeType }) => new LocalFile(name, mimeType)),
      shown: { each: ["choices", "choice"], values: ["delta.content?"], pieces: true },
    },
    rpc: {
      method: ChatService.method.streamChat,
      request: {
        request: {
          model,
          messages: messages.map((message) => ({
            role: `CHAT_ROLE_${message.role.toUpperCase()}`,
            content: content(message),
          })),
          options: {
            max_tokens: options.maxTokens,
            temperature: options.temperature,
            top_p: options.topP,
            stop: options.stop,
            seed: options.seed,
          },
        },
      },
      shown: { each: ["deltas", "delta"], values: ["content"], pieces: true },
    },
  } satisfies Sketch;
}
