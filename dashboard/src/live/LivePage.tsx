/** Page en cours d'écriture. */
export function LivePage() {
  return null;
}
