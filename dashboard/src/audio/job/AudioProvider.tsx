import { createContext, type ReactNode, useContext, useState, useSyncExternalStore } from "react";
import { durationOf, readWave } from "../wave/read";
import { send } from "./send";
import { AudioSession, type State } from "./session";

const Context = createContext<AudioSession | undefined>(undefined);

/** Garde le fichier, ses réglages et son travail quand on change de page ; les essais donnent leur session. */
export function AudioProvider({ children, session }: { children: ReactNode; session?: AudioSession }) {
  const [own] = useState(
    () => session ?? new AudioSession({ send, durationOf, readWave, now: () => performance.now() }),
  );
  return <Context value={own}>{children}</Context>;
}

/** La session audio et son état. */
export function useAudio(): { session: AudioSession; state: State } {
  const session = useContext(Context);
  if (!session) throw new Error("useAudio s'emploie sous AudioProvider");
  return { session, state: useSyncExternalStore(session.subscribe, session.snapshot) };
}
