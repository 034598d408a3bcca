import { type ComponentType, lazy, useEffect } from "react";

/** Un programme n'a pas pu être lu : serveur injoignable, ou remplacé depuis l'ouverture. */
export class MissingChunk extends Error {}

export interface Later<Props> {
  view: ComponentType<Props>;
  /** Lit le programme d'avance ; un échec se dira à l'ouverture. */
  preload: () => void;
}

/** Page ou boîte dont le programme n'est lu qu'à l'ouverture, ou d'avance quand le navigateur n'a rien à faire. */
export function later<Props = unknown>(load: () => Promise<ComponentType<Props>>): Later<Props> {
  const view = lazy(async () => {
    try {
      return { default: await load() };
    } catch (error) {
      throw new MissingChunk("programme de la page introuvable", { cause: error });
    }
  });
  return { view, preload: () => void load().catch(() => undefined) };
}

/** Lit d'avance ce qui le permet quand `ready` est vrai et que le navigateur n'a rien de mieux à faire. */
export function usePreload(parts: readonly { preload?: () => void }[], ready: boolean): void {
  useEffect(() => {
    if (!ready) return;
    const read = () => {
      for (const { preload } of parts) preload?.();
    };
    // Safari n'a pas requestIdleCallback.
    if (!("requestIdleCallback" in window)) {
      const timer = setTimeout(read, 1_500);
      return () => clearTimeout(timer);
    }
    const ticket = requestIdleCallback(read, { timeout: 5_000 });
    return () => cancelIdleCallback(ticket);
  }, [parts, ready]);
}
