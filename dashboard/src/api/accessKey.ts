// La clé d'accès : dans cet onglet, ou sur ce poste si la personne le demande ; jamais dans une adresse.
import { recall, retain } from "./storage";

const STORED_KEY = "passerelle.key";
const listeners = new Set<() => void>();

/** Clé, telle qu'elle a été donnée une fois : la redonner en fait une autre, à vérifier de nouveau. */
export interface GivenKey {
  /** Vide si aucune n'a été donnée. */
  text: string;
}

let current: GivenKey | undefined;

/** Dernière clé donnée. */
export function givenKey(): GivenKey {
  current ??= { text: recall("sessionStorage", STORED_KEY) || recall("localStorage", STORED_KEY) };
  return current;
}

/** Clé à présenter ; vide si aucune n'a été donnée. */
export function accessKey(): string {
  return givenKey().text;
}

/** Vrai si la clé est retenue sur ce poste. */
export function isKeyRemembered(): boolean {
  return recall("localStorage", STORED_KEY) !== "";
}

/** Prend une clé, jusqu'au rechargement si le navigateur ne retient rien ; une clé vide est oubliée partout. */
export function setAccessKey(key: string, remember = false): void {
  current = { text: key };
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
