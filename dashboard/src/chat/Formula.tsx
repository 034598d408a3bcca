import { Box } from "@mui/material";
import katex from "katex";
import "katex/dist/katex.min.css";
import { useLayoutEffect, useRef } from "react";
import type { Tex } from "./formatted";

/** Une formule qui s'en définit d'autres peut grossir sans fin : elle reste comme elle est écrite. */
const DEFINES = /\\(?:[egx]?def|let|futurelet|global|long|(?:re)?newcommand|providecommand)(?![A-Za-z])/;
/** Ces ornements de MathML portent un style en ligne, que la politique de sécurité refuse : ceux-là se passent de lui. */
const STYLED = /\\(?:fcolorbox|pmb)(?![A-Za-z])/;

/** Une formule, bâtie élément par élément : rien n'y est du HTML, et rien n'y mène ailleurs. */
export function Formula({ tex, displayed }: Tex) {
  const place = useRef<HTMLSpanElement>(null);
  useLayoutEffect(() => {
    const element = place.current;
    if (!element) return;
    try {
      if (DEFINES.test(tex)) throw new RangeError("définition");
      katex.render(tex, element, {
        displayMode: displayed,
        output: STYLED.test(tex) ? "html" : "htmlAndMathml",
        throwOnError: true,
        trust: false,
        strict: "ignore",
        maxSize: 10,
        maxExpand: 1_000,
      });
    } catch {
      // Fautive, ou trop profonde : ce que le modèle a écrit se lit encore.
      element.textContent = tex;
    }
  }, [tex, displayed]);
  // Une formule à part défile : le clavier doit pouvoir y entrer.
  const own = displayed ? { tabIndex: 0, sx: DISPLAYED } : {};
  return <Box component="span" ref={place} data-testid="chat-formula" {...own} />;
}

const DISPLAYED = { display: "block", overflowX: "auto", overflowY: "hidden", "& .katex-display": { my: 1 } } as const;
