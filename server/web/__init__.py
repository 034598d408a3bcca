"""Le tableau de bord, côté serveur : ses fichiers et leur politique de sécurité."""
