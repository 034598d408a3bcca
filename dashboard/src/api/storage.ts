// La mémoire du navigateur : y toucher lève une exception quand il la refuse (Firefox strict, Safari privé, cadre isolé).

export type Place = "localStorage" | "sessionStorage";

/** Valeur retenue ; vide si elle n'existe pas, ou si le navigateur refuse. */
export function recall(place: Place, name: string): string {
  try {
    return window[place].getItem(name) ?? "";
  } catch {
    return "";
  }
}

/** Retient une valeur, ou l'oublie si elle est vide ; faux si le navigateur refuse. */
export function retain(place: Place, name: string, value: string): boolean {
  try {
    if (value) window[place].setItem(name, value);
    else window[place].removeItem(name);
    return true;
  } catch {
    return false;
  }
}

/** Vrai si le navigateur accepte de retenir quelque chose là. */
export function canRetain(place: Place): boolean {
  const probe = "passerelle.essai";
  return retain(place, probe, "1") && retain(place, probe, "");
}
