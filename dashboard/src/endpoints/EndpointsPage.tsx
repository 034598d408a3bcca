/** Page en cours d'écriture. */
export function EndpointsPage() {
  return null;
}
