"""La liaison entre un front et l'exemplaire d'un modèle : des trames protobuf sur une prise Unix."""
