import { useCallback, useEffect } from "react";
import { useLocation, useSearchParams } from "wouter";
import { ALONE } from "../shell/alone";

/** Plein écran : l'adresse le dit, le navigateur le donne s'il veut bien ; Échap en sort dans les deux cas. */
export function useFull() {
  const [params, setParams] = useSearchParams();
  const [path] = useLocation();
  const full = params.has(ALONE);
  const show = useCallback(
    (wanted: boolean) =>
      setParams(
        (before) => {
          const after = new URLSearchParams(before);
          if (wanted) after.set(ALONE, "oui");
          else after.delete(ALONE);
          return after;
        },
        { replace: true },
      ),
    [setParams],
  );
  useEffect(() => {
    if (!full) return;
    const leave = () => {
      if (!document.fullscreenElement) show(false);
    };
    const quit = ({ key }: KeyboardEvent) => {
      if (key === "Escape") show(false);
    };
    document.addEventListener("fullscreenchange", leave);
    document.addEventListener("keydown", quit);
    return () => {
      document.removeEventListener("fullscreenchange", leave);
      document.removeEventListener("keydown", quit);
    };
  }, [full, show]);
  // Quitter la page pour une autre rend aussi l'écran.
  useEffect(
    () => () => {
      if (document.fullscreenElement && !location.hash.includes(ALONE))
        void document.exitFullscreen().catch(() => undefined);
    },
    [],
  );
  const enter = useCallback(() => {
    // Refusé (télévision, politique du poste), la page se montre seule quand même.
    void document.documentElement.requestFullscreen?.().catch(() => undefined);
    show(true);
  }, [show]);
  return { full, enter, address: `${location.origin}/#${path}?${ALONE}=oui` };
}
