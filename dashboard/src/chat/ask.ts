import type { MessageInitShape } from "@bufbuild/protobuf";
import { base64Encode } from "@bufbuild/protobuf/wire";
import { ChatRole, ChatService, type StreamChatRequestSchema } from "../gen/passerelle/v1/chat_pb";
import type { Limits } from "../gen/passerelle/v1/limits_pb";
import { type Fields, LocalFile, type Value } from "../snippets/literals";
import type { SnippetTexts } from "../snippets/Snippets";
import type { ServerAccess, Sketch } from "../snippets/sketch";
import { written } from "../snippets/write";
import { T } from "./texts";

// La requête, dite une fois : le message envoyé, le JSON d'OpenAI et les extraits en viennent tous.

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

// Une requête de conversation, comme on l'écrirait soi-même.

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

/** Types d'image que le contrat admet. */
export const IMAGE_TYPES = ["image/png", "image/jpeg", "image/webp", "image/gif"];

/** Ce qu'on peut joindre de ces fichiers, et pourquoi le reste ne le peut pas. */
export async function readImages(files: File[], taken: Image[]): Promise<{ images: Image[]; problems: string[] }> {
  const images: Image[] = [];
  const problems: string[] = [];
  for (const file of files) {
    if (!IMAGE_TYPES.includes(file.type)) {
      problems.push(T.images.kind(file.name, file.type, IMAGE_TYPES.join(", ")));
      continue;
    }
    try {
      const data = new Uint8Array(await file.arrayBuffer());
      images.push({ name: unique(file.name, [...taken, ...images]), mimeType: file.type, data });
    } catch {
      problems.push(T.images.unreadable(file.name));
    }
  }
  return { images, problems };
}

/** Ce qui dépasse, dans des messages prêts à partir ; vide si tout tient. */
export function tooMuch(messages: Message[], limits: Limits | undefined): string {
  const images = imagesOf(messages);
  if (!limits?.chat || images.length === 0) return "";
  if (images.length > limits.chat.maxImages) return T.images.count(images.length, limits.chat.maxImages);
  // En base64, trois octets en prennent quatre.
  const size = images.reduce((sum, { data }) => sum + 4 * Math.ceil(data.length / 3), 0);
  return size > limits.maxJsonBodyBytes ? T.images.size(size, limits.maxJsonBodyBytes) : "";
}

/** Une image collée s'appelle toujours `image.png` : deux images ne peuvent pas partager un nom de fichier. */
function unique(name: string, taken: Image[]): string {
  const names = new Set(taken.map((image) => image.name));
  const dot = name.lastIndexOf(".");
  const [stem, extension] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ""];
  let found = name;
  for (let rank = 2; names.has(found); rank += 1) found = `${stem}-${rank}${extension}`;
  return found;
}
