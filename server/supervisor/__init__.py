"""Le processus parent : lance, surveille et arrête tous les autres."""
