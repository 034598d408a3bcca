import { Alert } from "@mui/material";
import { useEffect } from "react";
import { useAsked } from "../shell/useAsked";
import { useServer } from "../status/StatusProvider";
import { Chat } from "./Chat";
import { useModel } from "./question";
import { choose, useTalk } from "./talk";
import { T } from "./texts";

/** Essayer la conversation. */
export function ChatPage() {
  const { status } = useServer();
  const { settings } = useTalk();
  const asked = useAsked();
  useEffect(() => {
    if (asked) choose(asked);
  }, [asked]);
  const found = useModel({ model: settings?.model || asked, versus: settings?.versus ?? "" });
  if (found.model) return <Chat {...found} model={found.model} />;
  // Sans état du serveur, l'avis de connexion dit déjà tout.
  return status ? <Alert severity="info">{T.noModel}</Alert> : null;
}
