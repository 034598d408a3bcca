"""La ligne de commande `passerelle` : un client des souches, et un diagnostic de la machine."""

import click

from server.french import speak_french

# Avant le premier verbe : click demande certains mots en le définissant, et nomme lui-même ses types.
speak_french()
for _kind, _name in (
    (click.types.IntParamType, "entier"),
    (click.IntRange, "entier"),
    (click.types.FloatParamType, "nombre"),
    (click.FloatRange, "nombre"),
    (click.types.StringParamType, "texte"),
):
    _kind.name = _name
