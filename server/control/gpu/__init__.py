"""Les GPU vus du plan de contrôle : mesure, baux, verdict avant chargement, preuve de mémoire rendue."""
