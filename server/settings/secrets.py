"""Les secrets donnés par un fichier, comme ceux de Docker et de Kubernetes : `NOM_FILE` le nomme, au lieu de `NOM`."""

from collections.abc import Mapping
from pathlib import Path

from server.french import why
from server.named_keys import TableUnreadable, read_table
from server.tables import ConfigError

FILES = {
    "OPENAI_KEYS_FILE": "OPENAI_KEYS",
    "ADMIN_KEYS_FILE": "ADMIN_KEYS",
    "HUGGINGFACE_TOKEN_FILE": "HUGGINGFACE_TOKEN",
    "HF_TOKEN_FILE": "HF_TOKEN",
    "PASSERELLE_API_KEY_FILE": "PASSERELLE_API_KEY",
}
"""Variable qu'un fichier donne, par celle qui le nomme."""


def with_secrets(environ: Mapping[str, str]) -> Mapping[str, str]:
    """Variables où chaque fichier nommé est remplacé par ce qu'il contient.

    Raises:
        ConfigError: fichier illisible ou vide, ou secret donné aussi par sa variable.
    """
    found = {name: environ[name].strip() for name in FILES if name in environ}
    if not found:
        return environ
    values = {name: value for name, value in environ.items() if name not in found}
    for variable, path in found.items():
        if not path:
            continue
        name = FILES[variable]
        if values.get(name, "").strip():
            raise ConfigError(f"{variable} : {name} est donné aussi ; ne gardez que l'un des deux.")
        values[name] = _read(variable, Path(path).expanduser().absolute())
    return values


def check_keys_file(path: Path | None) -> None:
    """Lit la table montée, si elle l'est : un serveur qui démarre sans la comprendre n'admettrait personne.

    Raises:
        ConfigError: fichier absent, illisible, ou qui n'est pas une table de clés.
    """
    if path is None:
        return
    try:
        if not path.exists():
            raise TableUnreadable(f"{path} n'existe pas.")
        read_table(path)
    except TableUnreadable as error:
        raise ConfigError(f"PASSERELLE_KEYS_FILE : {error}") from error


def _read(variable: str, path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        cause = why(error) if isinstance(error, OSError) else "ce n'est pas du texte en UTF-8"
        raise ConfigError(f"{variable} : « {path} » ne se lit pas ({cause}).") from error
    if not text or "\0" in text:
        # Un fichier encore vide ouvrirait à tous un serveur qu'on veut fermé.
        raise ConfigError(f"{variable} : « {path} » {'contient un octet nul' if text else 'est vide'}.")
    return text
