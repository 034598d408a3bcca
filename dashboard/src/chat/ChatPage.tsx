import { Capability } from "../gen/passerelle/v1/admin_pb";
import { useServer } from "../status/StatusProvider";
import { Chat } from "./Chat";

/** Essayer la conversation. */
export function ChatPage() {
  const model = useServer().status?.models.find((one) => one.capability === Capability.CHAT);
  return model ? <Chat model={model} /> : null;
}
