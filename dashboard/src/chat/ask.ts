// La requête, dite une fois : le message envoyé, le JSON d'OpenAI et les extraits en viennent tous.
import type { MessageInitShape } from "@bufbuild/protobuf";
import { base64Encode } from "@bufbuild/protobuf/wire";
import { ChatRole, type StreamChatRequestSchema } from "../gen/passerelle/v1/chat_pb";
import type { Fields, Value } from "../snippets/literals";

export interface Image {
  /** Nom du fichier, propre à cette image dans la conversation. */
  name: string;
  mimeType: string;
  data: Uint8Array<ArrayBuffer>;
}

export interface Message {
  role: "system" | "user" | "assistant";
  text: string;
  images?: Image[];
}

/** Réglages de génération ; une valeur absente laisse celle du moteur. */
export interface Options {
  maxTokens?: number;
  temperature?: number;
  topP?: number;
  stop?: string[];
  seed?: number;
}

export interface Ask {
  model: string;
  messages: Message[];
  options: Options;
}

const ROLES: Record<Message["role"], ChatRole> = {
  system: ChatRole.SYSTEM,
  user: ChatRole.USER,
  assistant: ChatRole.ASSISTANT,
};

/** Le message typé que la page envoie à `StreamChat`. */
export function typedRequest({ model, messages, options }: Ask): MessageInitShape<typeof StreamChatRequestSchema> {
  return {
    request: {
      model,
      messages: messages.map((message) => ({
        role: ROLES[message.role],
        content: partsOf(message).map((part) =>
          typeof part === "string"
            ? { part: { case: "text" as const, value: part } }
            : { part: { case: "image" as const, value: { data: part.data, mimeType: part.mimeType } } },
        ),
      })),
      options: {
        maxTokens: options.maxTokens,
        temperature: options.temperature,
        topP: options.topP,
        stop: options.stop ?? [],
        seed: options.seed === undefined ? undefined : BigInt(options.seed),
      },
    },
  };
}

/** Le même, au schéma d'OpenAI ; `url` dit comment écrire l'adresse d'une image. */
export function openAiBody({ model, messages, options }: Ask, url: (image: Image) => Value = dataUri) {
  return {
    model,
    messages: openAiMessages(messages, url),
    max_tokens: options.maxTokens,
    temperature: options.temperature,
    top_p: options.topP,
    stop: options.stop,
    seed: options.seed,
    stream: true,
    stream_options: { include_usage: true },
  } satisfies Fields;
}

/** Des messages au schéma d'OpenAI. */
export function openAiMessages(messages: Message[], url: (image: Image) => Value = dataUri): Fields[] {
  return messages.map((message) => ({
    role: message.role,
    content: message.images?.length
      ? partsOf(message).map((part) =>
          typeof part === "string"
            ? { type: "text", text: part }
            : { type: "image_url", image_url: { url: url(part) } },
        )
      : message.text,
  }));
}

/** Texte puis images, dans l'ordre où ils sont envoyés. */
export function partsOf({ text, images = [] }: Message): (string | Image)[] {
  return text || images.length === 0 ? [text, ...images] : images;
}

/** Toutes les images d'une conversation. */
export function imagesOf(messages: Message[]): Image[] {
  return messages.flatMap((message) => message.images ?? []);
}

export function dataUri({ mimeType, data }: Image): string {
  return `data:${mimeType};base64,${base64Encode(data)}`;
}
