import { Alert } from "@mui/material";
import { useServer } from "../status/StatusProvider";
import { Chat } from "./Chat";
import { useChat } from "./ChatProvider";
import { T } from "./texts";
import { useModel } from "./useModel";

/** Essayer la conversation. */
export function ChatPage() {
  const { status } = useServer();
  const { settings } = useChat();
  const found = useModel(settings?.model ?? "");
  if (found.model) return <Chat {...found} model={found.model} />;
  // Sans état du serveur, l'avis de connexion dit déjà tout.
  return status ? <Alert severity="info">{T.noModel}</Alert> : null;
}
