import { createContext, type ReactNode, useContext, useState, useSyncExternalStore } from "react";
import type { AudioSession } from "../audio/job/session";
import type { LiveSession } from "../live/session/session";

/** Un état que React suit, au-dessus des pages : rien ne s'arrête quand on en change. */
export class Store<State> {
  private readonly listeners = new Set<() => void>();

  constructor(public state: State) {}

  private readonly subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  };

  /** L'état, pour un composant. */
  readonly useState = (): State => useSyncExternalStore(this.subscribe, () => this.state);

  readonly update = (change: Partial<State>) => this.replace({ ...this.state, ...change });

  protected replace(state: State): void {
    this.state = state;
    for (const listener of this.listeners) listener();
  }
}

interface Sessions {
  /** Absentes tant que leur page ne s'est pas ouverte. */
  audio?: AudioSession | undefined;
  live?: LiveSession | undefined;
}

const Context = createContext<(Sessions & { remind: (badge: ReactNode) => void }) | undefined>(undefined);

/** Garde le travail d'une page quand on en change, avec le bandeau qui le rappelle ; les essais donnent leurs sessions. */
export function KeptProvider({ children, audio, live }: Sessions & { children: ReactNode }) {
  const [badge, remind] = useState<ReactNode>();
  const [kept] = useState(() => ({ audio, live, remind }));
  return (
    <Context value={kept}>
      {children}
      {badge}
    </Context>
  );
}

/** Ce que les pages laissent derrière elles ; `remind` montre un bandeau à côté de toutes. */
export function useKept() {
  const kept = useContext(Context);
  if (!kept) throw new Error("KeptProvider manque au-dessus de ce composant");
  return kept;
}
