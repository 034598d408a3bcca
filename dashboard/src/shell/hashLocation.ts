// L'adresse de la page, tout entière après le dièse : le chemin, puis les filtres (`#/activite?etat=echec`).
import { useSyncExternalStore } from "react";

const listeners = new Set<() => void>();

/** Marque une entrée de l'historique où l'on est déjà passé. */
const SEEN = "vue";
let known = location.href;
let back = false;

/** Vrai si l'adresse vient d'un retour en arrière ou en avant, non d'un lien ou d'une saisie. */
export function isReturn(): boolean {
  return back;
}

// Avant tout autre écouteur : qui redessine la page doit déjà savoir d'où l'on vient.
mark();
addEventListener("popstate", arrive);
addEventListener("hashchange", arrive);

function arrive(): void {
  // Le second des deux événements ne dit rien de plus.
  if (location.href === known) return;
  known = location.href;
  back = history.state === SEEN;
  mark();
}

function mark(): void {
  history.replaceState(SEEN, "");
}

/** Chemin, et de quoi aller à un autre. */
export function useHashPath(): [string, typeof navigate] {
  return [useSyncExternalStore(subscribe, () => parts()[0]), navigate];
}
useHashPath.hrefs = (href: string) => `#${href}`;

/** Filtres, sans point d'interrogation. */
export function useHashSearch(): string {
  return useSyncExternalStore(subscribe, () => parts()[1]);
}

/** Va à `to`, chemin et filtres ; `replace` ne laisse pas de trace dans l'historique. */
export function navigate(to: string, { replace = false }: { replace?: boolean } = {}): void {
  const place = `#${to.startsWith("/") ? to : `/${to}`}`;
  back = false;
  if (replace) history.replaceState(SEEN, "", place);
  else history.pushState(SEEN, "", place);
  known = location.href;
  // Ni l'un ni l'autre n'émet « hashchange ».
  for (const listener of listeners) listener();
}

function parts(): [string, string] {
  const place = location.hash.replace(/^#?\/?/, "/");
  const cut = place.indexOf("?");
  return cut < 0 ? [place, ""] : [place.slice(0, cut), place.slice(cut + 1)];
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  addEventListener("hashchange", listener);
  addEventListener("popstate", listener);
  return () => {
    listeners.delete(listener);
    removeEventListener("hashchange", listener);
    removeEventListener("popstate", listener);
  };
}
