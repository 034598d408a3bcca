// La clé d'accès ne vit que dans cet onglet.
const STORED_KEY = "passerelle.key";

/** Clé de cet onglet ; vide si aucune n'a été donnée. */
export function accessKey(): string {
  return sessionStorage.getItem(STORED_KEY) ?? "";
}

/** Garde la clé pour cet onglet ; une clé vide l'oublie. */
export function setAccessKey(key: string): void {
  if (key) sessionStorage.setItem(STORED_KEY, key);
  else sessionStorage.removeItem(STORED_KEY);
}

/** Vrai si la clé peut voyager dans un en-tête HTTP : caractères ASCII visibles, sans espace. */
export function isPortableKey(key: string): boolean {
  return /^[\x21-\x7e]*$/.test(key);
}
