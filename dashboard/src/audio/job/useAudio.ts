import { useSyncExternalStore } from "react";
import { durationOf, readWave } from "../wave/read";
import { useKept } from "./AudioProvider";
import { send } from "./send";
import { AudioSession, type State } from "./session";

/** La session audio, faite la première fois que sa page s'ouvre, et son état. */
export function useAudio(): { session: AudioSession; state: State } {
  const kept = useKept();
  kept.session ??= new AudioSession({ send, durationOf, readWave, now: () => performance.now() });
  const { session } = kept;
  return { session, state: useSyncExternalStore(session.subscribe, session.snapshot) };
}
