import { createContext, type ReactNode, useContext, useState } from "react";
import type { Image } from "./ask";
import type { Settings } from "./settings";
import { useConversation } from "./useConversation";

/** Question en cours d'écriture. */
export interface Draft {
  text: string;
  images: Image[];
  /** Vrai si elle remplacera la dernière, et sa réponse. */
  editing: boolean;
}

const EMPTY: Draft = { text: "", images: [], editing: false };

function useKept() {
  const [settings, setSettings] = useState<Settings>();
  const [draft, setDraft] = useState<Draft>(EMPTY);
  return {
    ...useConversation(),
    /** Absents tant que personne n'y a touché : ceux de départ dépendent des limites du serveur. */
    settings,
    setSettings,
    draft,
    changeDraft: (change: Partial<Draft>) => setDraft((before) => ({ ...before, ...change })),
    addImages: (images: Image[]) => setDraft((before) => ({ ...before, images: [...before.images, ...images] })),
    clearDraft: () => setDraft(EMPTY),
  };
}

const Context = createContext<ReturnType<typeof useKept> | undefined>(undefined);

/** Garde la conversation d'une page à l'autre ; un rechargement l'efface, rien n'est enregistré. */
export function ChatProvider({ children }: { children: ReactNode }) {
  return <Context value={useKept()}>{children}</Context>;
}

/** La conversation de cette page, son brouillon et ses réglages. */
export function useChat() {
  const kept = useContext(Context);
  if (!kept) throw new Error("ChatProvider manque au-dessus de ce composant");
  return kept;
}
