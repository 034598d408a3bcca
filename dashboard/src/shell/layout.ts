/** Marge sous l'en-tête : la bande d'opérations s'y pose sans rien couvrir. */
export const GUTTER = 4.5;

/** Largeur du menu d'un écran large, en pixels. */
export const SIDE_WIDTH = 224;

/** Largeur de la page, au plus, en pixels. */
export const PAGE_WIDTH = 2200;
