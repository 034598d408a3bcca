import { T } from "../texts";

// La forme d'un trait, non une couleur ; `mark` et sa description le disent aux lecteurs d'écran.
const DOTTED = {
  background: "none",
  color: "inherit",
  textDecoration: "underline dotted",
  textUnderlineOffset: "0.2em",
} as const;

/** Texte dont le moteur est peu sûr ; `confidence` : de 0 à 1. */
export function Doubtful({ confidence, children }: { confidence?: number; children: string }) {
  const told = T.doubtful(confidence === undefined ? undefined : Math.round(100 * confidence));
  return (
    <mark style={DOTTED} title={told} aria-description={told} data-testid="doubtful">
      {children}
    </mark>
  );
}
