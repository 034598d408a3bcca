import { type ComponentType, createElement, useEffect, useSyncExternalStore } from "react";
import type { Later } from "./later";

/**
 * Vue dont on peut se passer : `Plain` en tient lieu tant que son programme n'est pas là, ou s'il ne vient pas.
 *
 * Un échec n'est pas gardé : l'affichage suivant redemande le programme, et toutes les vues le prennent quand il arrive.
 */
export function laterOr<Props extends object>(
  load: () => Promise<ComponentType<Props>>,
  Plain: ComponentType<Props>,
): Later<Props> {
  let found: ComponentType<Props> | undefined;
  const views = new Set<() => void>();
  const subscribe = (view: () => void) => {
    views.add(view);
    return () => void views.delete(view);
  };
  const preload = () => {
    if (found) return;
    load().then(
      (view) => {
        found = view;
        for (const tell of views) tell();
      },
      // Le serveur a changé ou ne répond pas : la page le dit ailleurs.
      () => undefined,
    );
  };
  function View(props: Props) {
    useEffect(preload, []);
    return createElement(useSyncExternalStore(subscribe, () => found) ?? Plain, props);
  }
  return { view: View, preload };
}
