import { createContext, type ReactNode, useContext, useState } from "react";
import type { LiveSession } from "./session";

/** Ce que la page laisse derrière elle quand on la quitte. */
export interface Kept {
  /** Vide tant que la page ne s'est pas ouverte. */
  session: LiveSession | undefined;
  /** Montre ce bandeau à côté de toutes les pages. */
  remind: (badge: ReactNode) => void;
}

const Context = createContext<Kept | undefined>(undefined);

/** Garde le flux quand on change de page, avec le bandeau qui le rappelle ; les essais donnent leur session. */
export function LiveProvider({ children, session }: { children: ReactNode; session?: LiveSession }) {
  const [badge, remind] = useState<ReactNode>();
  const [kept] = useState<Kept>(() => ({ session, remind }));
  return (
    <Context value={kept}>
      {children}
      {badge}
    </Context>
  );
}

export function useKept(): Kept {
  const kept = useContext(Context);
  if (!kept) throw new Error("LiveProvider manque au-dessus de ce composant");
  return kept;
}
