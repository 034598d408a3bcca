import { later } from "../shell/later";

/** La boîte où se choisissent les GPU : rare et grande, l'accueil ne l'attend pas. */
export const placementDialog = later(async () => (await import("./PlacementDialog")).PlacementDialog);
