import { createContext, type ReactNode, useContext, useState, useSyncExternalStore } from "react";
import { accessKey } from "../../api/accessKey";
import { openMicrophone } from "../capture/microphone";
import { LiveBadge } from "../view/LiveBadge";
import { LiveSession, type State } from "./session";
import { openSocket } from "./socket";

const Context = createContext<LiveSession | undefined>(undefined);

/** Garde le flux quand on change de page, et le rappelle par un bandeau ; les essais donnent leur session. */
export function LiveProvider({ children, session }: { children: ReactNode; session?: LiveSession }) {
  const [own] = useState(
    () =>
      session ??
      new LiveSession({
        microphone: openMicrophone,
        socket: (config, listener) => openSocket(config, accessKey(), listener),
        now: () => performance.now(),
      }),
  );
  return (
    <Context value={own}>
      {children}
      <LiveBadge />
    </Context>
  );
}

/** La session de direct et son état. */
export function useLive(): { session: LiveSession; state: State } {
  const session = useContext(Context);
  if (!session) throw new Error("useLive s'emploie sous LiveProvider");
  return { session, state: useSyncExternalStore(session.subscribe, session.snapshot) };
}
