"""Les outils du dépôt : installer, vérifier, produire."""
