import { chat } from "../api/client";
import { underway } from "../shell/underway";
import { typedRequest } from "./ask";
import type { Stream } from "./useConversation";

/** Envoie la requête au serveur de la page. */
export const stream: Stream = async function* (ask, signal) {
  const end = underway();
  try {
    yield* chat.streamChat(typedRequest(ask), { signal });
  } finally {
    end();
  }
};
