/** Texte sans accents, ni majuscules, ni apostrophe courbe : une recherche n'a pas à les taper. */
function plain(text: string): string {
  return text.normalize("NFD").replaceAll(/\p{M}/gu, "").replaceAll("’", "'").toLowerCase();
}

/** De quoi garder les textes qui portent tous les mots de `query`, en quelque ordre que ce soit. */
export function finder(query: string): (...texts: string[]) => boolean {
  const words = plain(query).split(/\s+/).filter(Boolean);
  return (...texts) => {
    const text = plain(texts.join(" "));
    return words.every((word) => text.includes(word));
  };
}
