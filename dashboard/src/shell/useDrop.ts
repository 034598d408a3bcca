import { useLayoutEffect, useState } from "react";

/** Prend les fichiers lâchés n'importe où dans la page, qui sinon s'ouvriraient à sa place ; vrai pendant le survol. */
export function useDrop(take?: (files: File[]) => void): boolean {
  const [over, setOver] = useState(false);
  // Avant l'affichage : une page que l'on voit écoute déjà.
  useLayoutEffect(() => {
    const stop = new AbortController();
    const { signal } = stop;
    const carries = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
    const options = { signal };
    addEventListener(
      "dragover",
      (event) => {
        if (!carries(event)) return;
        event.preventDefault();
        if (event.dataTransfer) event.dataTransfer.dropEffect = take ? "copy" : "none";
        setOver(take !== undefined);
      },
      options,
    );
    // Sans élément d'arrivée, c'est la fenêtre que l'on quitte.
    addEventListener("dragleave", (event) => event.relatedTarget === null && setOver(false), options);
    addEventListener(
      "drop",
      (event) => {
        if (!carries(event)) return;
        event.preventDefault();
        setOver(false);
        const files = [...(event.dataTransfer?.files ?? [])];
        if (files.length > 0) take?.(files);
      },
      options,
    );
    return () => stop.abort();
  }, [take]);
  return over;
}
