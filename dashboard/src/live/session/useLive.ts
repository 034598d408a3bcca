import { useSyncExternalStore } from "react";
import { accessKey } from "../../api/accessKey";
import { openMicrophone } from "../capture/microphone";
import { useKept } from "./LiveProvider";
import { LiveSession, type State } from "./session";
import { openSocket } from "./socket";

/** La session de direct, faite la première fois que sa page s'ouvre, et son état. */
export function useLive(): { session: LiveSession; state: State } {
  const kept = useKept();
  kept.session ??= new LiveSession({
    microphone: openMicrophone,
    socket: (config, listener) => openSocket(config, accessKey(), listener),
    now: () => performance.now(),
  });
  const { session } = kept;
  return { session, state: useSyncExternalStore(session.subscribe, session.snapshot) };
}
