/** Ce qu'une copie a donné : dans le presse-papiers, seulement sélectionné, ou rien. */
export type Copied = "copied" | "selected" | "failed";

/**
 * Copie `text`, aussi en HTTP simple, où `navigator.clipboard` n'existe pas.
 *
 * Quand le navigateur refuse tout, sélectionne `shown`, l'élément qui montre ce texte : la personne fait Ctrl+C.
 */
export async function copyText(text: string, shown?: Element | null): Promise<Copied> {
  try {
    // Absent hors d'un contexte sûr ; présent, il peut encore être refusé par la personne ou par une politique.
    await navigator.clipboard.writeText(text);
    return "copied";
  } catch {
    if (copyBySelection(text)) return "copied";
  }
  if (!shown) return "failed";
  getSelection()?.selectAllChildren(shown);
  return "selected";
}

function copyBySelection(text: string): boolean {
  const focused = document.activeElement;
  const area = document.createElement("textarea");
  area.value = text;
  area.readOnly = true;
  area.tabIndex = -1;
  Object.assign(area.style, { position: "fixed", top: "0", opacity: "0", pointerEvents: "none" });
  // Une boîte de dialogue retient le curseur : le champ doit y être pour se laisser sélectionner.
  (focused?.closest('[role="dialog"]') ?? document.body).append(area);
  try {
    area.focus({ preventScroll: true });
    area.select();
    return document.execCommand("copy");
  } catch {
    return false;
  } finally {
    area.remove();
    if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
  }
}
