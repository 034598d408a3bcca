// Ce qu'un rechargement perdrait : un envoi, une réponse qui arrive, un microphone ouvert.
let works = 0;

/** Le navigateur pose la question, de ses propres mots. */
function ask(event: BeforeUnloadEvent): void {
  event.preventDefault();
}

/** Un travail commence : recharger ou fermer se confirme, jusqu'à l'appel de ce qui est rendu, une fois ou plusieurs. */
export function underway(): () => void {
  let open = true;
  works += 1;
  // Un écouteur toujours posé priverait la page du retour en arrière immédiat.
  if (works === 1) addEventListener("beforeunload", ask);
  return () => {
    if (!open) return;
    open = false;
    works -= 1;
    if (works === 0) removeEventListener("beforeunload", ask);
  };
}
