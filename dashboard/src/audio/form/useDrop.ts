import { useEffect, useState } from "react";

/** Prend un fichier lâché n'importe où dans la page, qui sinon s'ouvrirait à sa place ; vrai pendant le survol. */
export function useDrop(take: ((file: File) => void) | undefined): boolean {
  const [over, setOver] = useState(false);
  useEffect(() => {
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
        const file = event.dataTransfer?.files[0];
        if (file) take?.(file);
      },
      options,
    );
    return () => stop.abort();
  }, [take]);
  return over;
}
