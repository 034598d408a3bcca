import type { MouseEvent } from "react";

/**
 * D'un double-clic, ne garde que le premier : « Lancer » et « Arrêter » se remplacent sous le doigt.
 *
 * Un appui au clavier compte toujours (`detail` y vaut zéro).
 */
export function single(action?: () => void) {
  return (event: MouseEvent) => {
    if (event.detail > 1) event.preventDefault();
    else action?.();
  };
}
