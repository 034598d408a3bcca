"""Les variables qu'une faute de frappe laisse sans effet."""

from collections.abc import Collection, Iterable
from difflib import get_close_matches

from server.settings.secrets import FILES

ELSEWHERE = frozenset(
    {
        # La ligne de commande, les exemples de la page, l'installation et compose.
        # Lue avant toutes les autres.
        "PASSERELLE_SETTINGS_FILE",
        *("PASSERELLE_ADDRESS", "PASSERELLE_API_KEY", "PASSERELLE_KEY", "PASSERELLE_CUDA"),
        *("PASSERELLE_IMAGE", "PASSERELLE_UID", "PASSERELLE_GID"),
        # Ce que le superviseur donne à ses enfants.
        *("PASSERELLE_RUN_DIR", "PASSERELLE_ADDED_MODELS", "PASSERELLE_PARENT_FD", "PASSERELLE_BEAT_FD"),
    }
)
"""Variables de Passerelle que la configuration du serveur ne lit pas."""

_PREFIX = "PASSERELLE_"
_NEAR, _VERY_NEAR = 0.6, 0.9


def unknown(environ: Iterable[str], read: Collection[str]) -> tuple[str, ...]:
    """Ce qu'il faut dire de chaque variable qu'on n'a pas lue et qui devait l'être, avec la plus proche.

    Sans le préfixe, seule une lettre près accuse : le reste de l'environnement est à d'autres.
    """
    known = {*read, *ELSEWHERE, *FILES}
    # Le préfixe, commun à toutes, ferait se ressembler celles qui n'ont rien de commun ; et on le met à qui n'en a pas.
    bare = {name.removeprefix(_PREFIX): name for name in known}
    plain = {name: name for name in (*read, *FILES) if not name.startswith((_PREFIX, "HF_"))}
    said = []
    for name in sorted(set(environ) - known):
        prefixed = name.upper().startswith(_PREFIX)
        candidates, cutoff = (bare, _NEAR) if prefixed else (plain, _VERY_NEAR)
        near = get_close_matches(name.upper().removeprefix(_PREFIX), candidates, 1, cutoff)
        if prefixed or near:
            hint = f" ; vouliez-vous {candidates[near[0]]} ?" if near else "."
            said.append(f"{name} : cette variable n'existe pas, et n'a aucun effet{hint}")
    return tuple(said)
