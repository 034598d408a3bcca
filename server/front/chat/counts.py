"""Les jetons d'une génération, lus de ce que le moteur en dit.

Le front demande toujours le décompte d'un flux ; la trame qui le porte n'est rendue qu'à qui l'a demandée. Aucune n'est
lue en entier : un guillemet d'un texte y est précédé d'une barre, le champ cherché n'y est donc jamais pris.
"""

import re

from server.rpc.notes import Note

_ASKED = b',"stream_options":{"include_usage":true}}'
_READ = re.compile(rb'"prompt_tokens": ?(\d{1,9})')
_WRITTEN = re.compile(rb'"completion_tokens": ?(\d{1,9})')
_ENDS = (b"]}\n\n", b"null}\n\n")
"""Fins de toutes les autres trames, ou presque : un jeton ne coûte que cette comparaison."""
_NULL = b',"usage":null}\n\n'


def counted(payload: bytes) -> bytes:
    """La même requête, son flux décompté ; elle n'a pas de `stream_options`."""
    return payload.rstrip()[:-1] + _ASKED


def without_null(frame: bytes) -> bytes:
    """Trame d'un flux que son client n'a pas fait décompter."""
    return frame[: -len(_NULL)] + b"}\n\n" if frame.endswith(_NULL) else frame


def is_count(frame: bytes) -> bool:
    """Vrai de la trame qui ne porte que le décompte."""
    return not frame.endswith(_ENDS) and (b'"choices":[]' in frame or b'"choices": []' in frame)


def take_counts(found: Note, data: bytes) -> None:
    """Note les jetons que dit une réponse entière, ou la trame du décompte ; sans effet s'il n'y en a pas."""
    place = data.rfind(b'"usage"')
    if place >= 0 and (read := _READ.search(data, place)) and (written := _WRITTEN.search(data, place)):
        found.tokens_in, found.tokens_out = int(read[1]), int(written[1])
