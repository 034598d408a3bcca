"""Le produit entier, derrière le vrai Envoy."""
