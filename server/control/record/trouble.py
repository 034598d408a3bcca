"""Ce qui empêche d'ouvrir le journal : abîmé, il est remplacé ; occupé, plein ou interdit, il est gardé et nommé."""

import sqlite3

from server.french import why

_CORRUPT = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_CAUSES = {
    sqlite3.SQLITE_BUSY: "un autre programme l'emploie (une sauvegarde, un autre serveur)",
    sqlite3.SQLITE_LOCKED: "un autre programme l'emploie (une sauvegarde, un autre serveur)",
    sqlite3.SQLITE_FULL: "le disque est plein",
    sqlite3.SQLITE_READONLY: "il n'est pas inscriptible",
    sqlite3.SQLITE_PERM: "il n'est pas inscriptible",
    sqlite3.SQLITE_CANTOPEN: "il ne peut pas être ouvert : vérifiez les droits de son dossier",
    sqlite3.SQLITE_IOERR: "le disque a refusé de lire ou d'écrire",
}


class JournalUnavailable(Exception):
    """Le journal ne peut pas servir pour l'instant ; rien n'y a été changé."""


class JournalDamaged(sqlite3.DatabaseError):
    """La vérification de la base y a trouvé des dégâts."""


def is_corrupt(error: sqlite3.Error) -> bool:
    """Vrai si le contenu même de la base est en cause."""
    return isinstance(error, JournalDamaged) or _code(error) in _CORRUPT


def is_outside(error: sqlite3.Error) -> bool:
    """Vrai si ce qui entoure la base est en cause, et non elle ni ce qui en est fait."""
    return _code(error) in _CAUSES


def explained(error: OSError | sqlite3.Error) -> str:
    """Cause, pour une personne, et les mots du système."""
    if isinstance(error, OSError):
        return f"{why(error)}."
    return f"{_CAUSES.get(_code(error), 'SQLite le refuse')} ({error})."


def _code(error: sqlite3.Error) -> int:
    """Code de SQLite, sans sa précision ; 0 s'il n'en a pas donné."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
