/** Mot de l'adresse d'une page montrée seule, sans en-tête ni menu. */
export const ALONE = "plein";
