"""Les mots de la ligne de commande sont français, ceux de click et d'argparse compris."""

import argparse
import ast
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from server.cli.app import cli
from server.french import WORDS

PACKAGE = Path(click.__file__).parent
MODULES = ("core", "decorators", "exceptions", "formatting", "parser", "shell_completion", "termui", "types")
DEVELOPER = re.compile(
    r"DeprecationWarning|Could not determine name|No options defined|Arguments take exactly|defined twice|Boolean option"
    r"|Value must be an iterable|Invalid start character|Unknown color|Choice\(|conflict|__call__|is an invalid argument"
    r"|mutually exclusive|is not callable|cannot merge|invalid option string|dest= is required|multiple subparser"
    r'|argument "-" with mode'
)
"""Fautes de qui écrit la commande, et non de qui la tape."""
ENGLISH = re.compile(r"\b(usage:|error|options:|commands|missing|invalid|show|default|try|integer|text|range)\b", re.I)


def messages(path: Path) -> set[str]:
    """Textes qu'un module demande à gettext."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_", "ngettext"):
            found |= {one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)}
    return found


@pytest.mark.parametrize("path", [*(PACKAGE / f"{name}.py" for name in MODULES), Path(argparse.__file__)])
def test_every_word_of_a_library_has_its_french(path: Path) -> None:
    missing = {text for text in messages(path) - WORDS.keys() if not DEVELOPER.search(text)}
    assert not missing


def test_every_translation_keeps_the_fields_of_its_message() -> None:
    fields = re.compile(r"\{(\w+)|%\((\w+)\)|%([sr])")
    for english, french in WORDS.items():
        assert set(fields.findall(french)) <= set(fields.findall(english)), english


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--help"], "Usage : cli [OPTIONS] VERBE"),
        (["--jso", "status"], "L'option « --jso » n'existe pas. Plutôt '--json' ?"),
        (["lod"], "Le verbe « lod » n'existe pas"),
        (["load"], "Il manque l'argument 'MODÈLE'"),
        (["load", "qwen", "--gpu", "x"], "« x » n'est pas un entier."),
        (["load", "qwen", "--gpu", "-1"], "-1 est hors des limites (x>=0)."),
        (["load", "qwen", "--gpu"], "L'option « --gpu » demande une valeur."),
        (["load", "qwen", "trop"], "Argument de trop (trop)"),
        (["transcribe", "/absent/x"], "« /absent/x » n'existe pas."),
        (["transcribe", "/tmp"], "« /tmp » est un dossier."),
        (["completion", "csh"], "« csh » n'est aucun de ceux-ci : 'bash', 'zsh', 'fish'."),
        (["--json=1", "status"], "L'option « --json » ne prend pas de valeur."),
        *(([verb, "--help"], "Options :") for verb in cli.commands),
    ],
)
def test_the_command_line_speaks_french(arguments: list[str], said: str) -> None:
    found = CliRunner().invoke(cli, arguments, env={"PASSERELLE_RUN_BASE": "/absent", "LANGUAGE": "de", "LANG": "C"})
    assert said in found.output
    assert not ENGLISH.search(re.sub(r"\[[^]]*\]|--[\w-]+|« [^»]* »", "", found.output)), found.output


def test_the_server_speaks_french() -> None:
    for arguments, said in ((["--help"], "options :"), (["sers"], "erreur : "), ([], "usage : python -m server")):
        done = subprocess.run([sys.executable, "-m", "server", *arguments], capture_output=True, text=True, check=False)
        assert said in done.stdout + done.stderr and not re.search(r"usage:|error:|options:", done.stdout + done.stderr)
