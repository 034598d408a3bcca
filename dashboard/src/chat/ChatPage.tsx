import { Alert } from "@mui/material";
import { useServer } from "../status/StatusProvider";
import { Chat } from "./Chat";
import { useModel } from "./question";
import { useTalk } from "./talk";
import { T } from "./texts";

/** Essayer la conversation. */
export function ChatPage() {
  const { status } = useServer();
  const { settings } = useTalk();
  const found = useModel(settings);
  if (found.model) return <Chat {...found} model={found.model} />;
  // Sans état du serveur, l'avis de connexion dit déjà tout.
  return status ? <Alert severity="info">{T.noModel}</Alert> : null;
}
