// La clé d'accès : dans cet onglet, ou sur ce poste si la personne le demande ; jamais dans une adresse.
import { recall, retain } from "./storage";

const STORED_KEY = "passerelle.key";
const listeners = new Set<() => void>();
let current: string | undefined;

/** Clé à présenter ; vide si aucune n'a été donnée. */
export function accessKey(): string {
  current ??= recall("sessionStorage", STORED_KEY) || recall("localStorage", STORED_KEY);
  return current;
}

/** Vrai si la clé est retenue sur ce poste. */
export function isKeyRemembered(): boolean {
  return recall("localStorage", STORED_KEY) !== "";
}

/** Prend une clé, jusqu'au rechargement si le navigateur ne retient rien ; une clé vide est oubliée partout. */
export function setAccessKey(key: string, remember = false): void {
  current = key;
  retain("sessionStorage", STORED_KEY, remember ? "" : key);
  retain("localStorage", STORED_KEY, remember ? key : "");
  for (const listener of listeners) listener();
}

/** Prévient de chaque changement de clé ; rend de quoi ne plus l'être. */
export function onKeyChange(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Vrai si la clé peut voyager dans un en-tête HTTP : caractères ASCII visibles, sans espace. */
export function isPortableKey(key: string): boolean {
  return /^[\x21-\x7e]*$/.test(key);
}
