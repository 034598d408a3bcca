import { chat } from "../api/client";
import { typedRequest } from "./ask";
import type { Stream } from "./useConversation";

/** Envoie la requête au serveur de la page. */
export const stream: Stream = (ask, signal) => chat.streamChat(typedRequest(ask), { signal });
