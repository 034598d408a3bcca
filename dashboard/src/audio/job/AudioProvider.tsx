import { createContext, type ReactNode, useContext, useState } from "react";
import type { AudioSession } from "./session";

/** Où la page garde sa session ; vide tant qu'elle ne s'est pas ouverte. */
export interface Kept {
  session: AudioSession | undefined;
}

const Context = createContext<Kept | undefined>(undefined);

/** Garde le fichier, ses réglages et son travail quand on change de page ; les essais donnent leur session. */
export function AudioProvider({ children, session }: { children: ReactNode; session?: AudioSession }) {
  const [kept] = useState<Kept>(() => ({ session }));
  return <Context value={kept}>{children}</Context>;
}

export function useKept(): Kept {
  const kept = useContext(Context);
  if (!kept) throw new Error("AudioProvider manque au-dessus de ce composant");
  return kept;
}
