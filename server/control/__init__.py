"""Le plan de contrôle : états des modèles, téléchargements, exemplaires, administration."""
