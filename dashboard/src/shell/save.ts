const KEPT_MS = 60_000;

/** Fait enregistrer un texte par le navigateur. */
export function save(name: string, type: string, text: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  // Tous les navigateurs n'ont pas fini de lire l'adresse quand le clic rend la main.
  setTimeout(() => URL.revokeObjectURL(link.href), KEPT_MS);
}
