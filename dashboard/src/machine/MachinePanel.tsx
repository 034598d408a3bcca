/** La machine en bref, à côté des modèles. */
export function MachinePanel() {
  return null;
}
