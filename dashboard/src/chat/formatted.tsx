import { Box } from "@mui/material";
import { useState } from "react";
import { laterOr } from "../shell/later";

export interface Source {
  /** Tel que la réponse le nomme ; vide : inconnu. */
  language: string;
  code: string;
  /** Faux tant que la suite peut venir. */
  done: boolean;
}

export interface Tex {
  tex: string;
  /** Vrai si la formule a sa ligne à elle. */
  displayed: boolean;
}

// La mise en forme pèse plus que la conversation : chaque partie vient à part, quand une réponse en a besoin.

/** Une réponse mise en forme ; sans le programme, elle reste du texte. */
export const formatted = laterOr(async () => (await import("./Markdown")).Markdown, Plain);
export const coloured = laterOr(async () => (await import("./Coloured")).Coloured, PlainCode);
export const formula = laterOr(
  async () => (await import("./Formula")).Formula,
  ({ tex }: Tex) => <code>{tex}</code>,
);

export function Plain({ text }: { text: string; done: boolean }) {
  return <Box sx={{ whiteSpace: "pre-wrap" }}>{text}</Box>;
}

export function PlainCode({ code }: Pick<Source, "code">) {
  return code;
}

/** En deçà, tout se remet en forme à chaque ajout. */
const SMALL = 4_000;

/**
 * Combien de ce texte mettre en forme ; le reste attend, tel qu'il est écrit.
 *
 * Un long morceau qui grandit n'est repris qu'un huitième plus loin : sa mise en forme coûte en tout comme neuf passes.
 */
export function useShown(text: string, done: boolean): number {
  const [shown, setShown] = useState(text.length);
  const late = text.length - shown;
  if (late === 0 || (late > 0 && !done && shown > SMALL && late < shown / 8)) return shown;
  setShown(text.length);
  return text.length;
}
