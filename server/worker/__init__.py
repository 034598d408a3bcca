"""L'exemplaire d'un modèle : un processus, un moteur, une prise."""
