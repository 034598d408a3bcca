import { type ComponentType, lazy, useEffect } from "react";

/** Le programme d'une page n'a pas pu être lu : serveur injoignable, ou remplacé depuis l'ouverture. */
export class MissingChunk extends Error {}

export interface LaterPage {
  view: ComponentType;
  /** Lit le programme d'avance ; un échec se dira quand la page sera ouverte. */
  preload: () => void;
}

/** Page dont le programme n'est lu que lorsqu'on l'ouvre, ou d'avance quand le navigateur n'a rien à faire. */
export function later(load: () => Promise<ComponentType>): LaterPage {
  const view = lazy(async () => {
    try {
      return { default: await load() };
    } catch (error) {
      throw new MissingChunk("programme de la page introuvable", { cause: error });
    }
  });
  return { view, preload: () => void load().catch(() => undefined) };
}

/** Lit d'avance les pages qui le permettent quand `ready` est vrai et que le navigateur n'a rien de mieux à faire. */
export function usePreload(pages: readonly Partial<LaterPage>[], ready: boolean): void {
  useEffect(() => {
    if (!ready) return;
    const read = () => {
      for (const { preload } of pages) preload?.();
    };
    // Safari n'a pas requestIdleCallback.
    if (!("requestIdleCallback" in window)) {
      const timer = setTimeout(read, 1_500);
      return () => clearTimeout(timer);
    }
    const ticket = requestIdleCallback(read, { timeout: 5_000 });
    return () => cancelIdleCallback(ticket);
  }, [pages, ready]);
}
