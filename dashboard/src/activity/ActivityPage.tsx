/** Page en cours d'écriture. */
export function ActivityPage() {
  return null;
}
