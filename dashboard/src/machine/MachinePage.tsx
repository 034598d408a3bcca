/** Page en cours d'écriture. */
export function MachinePage() {
  return null;
}
