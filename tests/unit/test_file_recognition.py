"""Ce qu'un client sait d'un fichier sans l'envoyer : la page ne refuse, aux règles annoncées, que ce que le serveur refuserait.

`python -m tests.unit.test_file_recognition` récrit les cas, que jugent aussi les essais de la page.
"""

import base64
import io
import json
import random
from typing import Any, NamedTuple

import pytest
from google.protobuf import json_format
from passerelle.v1 import audio_pb2

from server.control.services.messages import RECOGNITION
from server.front.audio.declared import assumed
from server.speech.decode_sniff import container, foreign
from server.speech.decode_view import View
from tests.support.audio_files import DATA
from tests.unit.test_decode_files import FORMS, file_of

PATH = DATA / "dashboard_files.json"
HEAD = 64
"""Octets qui disent un conteneur."""
STREAM = 4096
"""Octets où se suivent quelques trames."""
TAG = b"ID3\x03\x00\x00" + bytes([0, 0, 0, 4]) + b"TTTT"


class Case(NamedTuple):
    """Un fichier, et si la page le refuse avant tout envoi."""

    name: str
    head: bytes
    refused: bool = True
    type: str = ""


def cases() -> list[Case]:
    """Tous les conteneurs, ce qui n'est pas de l'audio, et ce dont on doute."""
    heads = {name: file_of(name) for name in FORMS}
    noise = random.Random(4).randbytes(STREAM)
    text = b"Ceci n'est pas de l'audio.\n" * 100
    return [
        *(
            Case(name, data[: HEAD if container(_view(data[:HEAD]))[0] else STREAM], False)
            for name, data in heads.items()
        ),
        Case("étiquette.flac", TAG + heads["flac"][:HEAD], False),
        Case("étiquette.pdf", TAG + b"%PDF-1.7", False),
        Case("au milieu d'une trame.mp3", heads["mp3"][700 : 700 + STREAM], False),
        Case("bruit", noise, False),
        Case("appel.UL", b"\x7f\x55" * 64, False),
        Case("appel.gsm", text, False),
        Case("appel", b"\x55" * 128, False, "audio/x-pcma"),
        Case("appel", b"\x55" * 128, False, "audio/G722; rate=16000"),
        Case("rapport.pdf", b"%PDF-1.7\n"),
        Case("archive.wav", b"PK\x03\x04\x14\0"),
        Case("archive.ul", b"PK\x03\x04\x14\0"),
        Case("dossier.rar", b"Rar!\x1a\x07\x01\0"),
        Case("dossier.7z", b"7z\xbc\xaf\x27\x1c\0\x04"),
        Case("dossier.tar.xz", b"\xfd7zXZ\0\0\x04"),
        Case("dossier.tar.bz2", b"BZh91AY&SY"),
        Case("photo.png", b"\x89PNG\r\n\x1a\n"),
        Case("photo.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF"),
        Case("image.webp", b"RIFF\x24\0\0\0WEBPVP8 "),
        Case("image.gif", b"GIF89a\x01\0"),
        Case("lettre.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
        Case("air.mid", b"MThd\0\0\0\x06\0\x01"),
        Case("page.html", b" \r\n\t<!doctype html>"),
        Case("liste.m3u8", b"#EXTM3U\n"),
        Case("réponse.json", b'{"text": "non"}'),
        Case("notes.txt", text),
        Case("zéros.iso", bytes(STREAM)),
    ]


def _view(data: bytes) -> View:
    return View(io.BytesIO(data), [(0, len(data))])


def written() -> str:
    """Texte du fichier des cas."""
    rules = json_format.MessageToDict(RECOGNITION)
    found: dict[str, Any] = {"recognition": rules}
    found["cases"] = [
        {"name": name, "type": kind, "head": base64.b64encode(head).decode(), "refused": refused}
        for name, head, refused, kind in cases()
    ]
    return json.dumps(found, ensure_ascii=False, indent=1) + "\n"


def test_the_announced_rules_are_those_the_page_was_judged_on() -> None:
    told = json_format.MessageToDict(RECOGNITION)
    advice = f"{PATH.name} périmé : « python -m tests.unit.test_file_recognition », puis les essais de la page"
    assert json.loads(PATH.read_text("utf-8"))["recognition"] == told, advice


@pytest.mark.parametrize("case", json.loads(PATH.read_text("utf-8"))["cases"], ids=lambda case: case["name"])
def test_what_the_page_refuses_the_server_would_refuse(case: dict[str, Any]) -> None:
    view = _view(base64.b64decode(case["head"]))
    guessed = assumed(case["type"], case["name"]) != audio_pb2.AUDIO_ENCODING_UNSPECIFIED
    decoded = container(view)[0] or (guessed and not foreign(view))
    assert not (case["refused"] and decoded)


def test_every_container_the_server_decodes_is_among_the_cases() -> None:
    judged = {case["name"] for case in json.loads(PATH.read_text("utf-8"))["cases"] if not case["refused"]}
    assert judged > FORMS.keys()


if __name__ == "__main__":
    PATH.write_text(written(), encoding="utf-8")
