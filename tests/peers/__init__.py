"""Clients, serveurs et charges du dehors : `make test-peers`, un fichier et son produit à la fois."""
