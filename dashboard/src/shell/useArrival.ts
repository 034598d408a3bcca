import { useEffect, useRef } from "react";
import { isReturn } from "./hashLocation";
import { MAIN_ID } from "./SkipLink";

/** Sur une autre page, montre son début et y porte le focus ; un retour, lui, retrouve la place que le navigateur a gardée. */
export function useArrival(path: string): void {
  const shown = useRef(path);
  // Après les autres effets : un menu qui se ferme rend d'abord le focus à son bouton.
  useEffect(() => {
    if (shown.current === path) return;
    shown.current = path;
    if (isReturn()) return;
    scrollTo({ top: 0, left: 0, behavior: "instant" });
    const main = document.getElementById(MAIN_ID);
    // Une page qui a déjà choisi où le mettre le garde.
    if (!main?.contains(document.activeElement)) main?.focus({ preventScroll: true });
  }, [path]);
}
