/** Chasse fixe, sans police demandée au réseau. */
export const MONOSPACE = 'ui-monospace, "Cascadia Code", Menlo, Consolas, "DejaVu Sans Mono", monospace';
