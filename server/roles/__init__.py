"""Ce que chaque processus est : un fichier par rôle, seul endroit où la configuration devient ses réglages."""
