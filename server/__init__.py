"""Passerelle : une passerelle d'inférence à héberger soi-même, pour la conversation, la parole et les locuteurs."""

__version__ = "0.1.0"
