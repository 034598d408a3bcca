"""Le compte rendu d'une réunion enregistrée, en Markdown : qui dit quoi, résumé, décisions, actions, et leurs instants.

    python examples/compte_rendu.py 127.0.0.1:8000 reunion.wav > compte-rendu.md

Rien que l'API typée publique : transcription avec locuteurs, puis conversation à réponse conforme à un schéma. Le texte
est donné au modèle par lots de lignes numérotées que son contexte contient ; il cite ces numéros, d'où viennent les
instants. Les résumés des lots sont ensuite résumés ensemble, de proche en proche. Une réponse que la longueur permise
coupe fait deux lots du sien.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct
from passerelle.v1 import (
    admin_pb2_grpc,
    chat_pb2,
    chat_pb2_grpc,
    limits_pb2,
    model_pb2,
    transcribe_pb2,
    transcribe_pb2_grpc,
)

CHUNK_BYTES = 1 << 20
TIMEOUT = 3600.0
CHARACTERS_PER_TOKEN = 2.5
"""Prudent : un texte français fait trois à quatre caractères par jeton."""
ANSWER_SHARE = 4
"""La réponse a ce quart du contexte, au plus `MAX_ANSWER`."""
MAX_ANSWER = 1500
SMALL_CONTEXT = 8192
PROMPT = (
    "You write the minutes of a meeting. Each line is numbered. Use only what the lines say, in their language, "
    "and cite the numbers of the lines each statement rests on."
)
KINDS = {"summary": "Résumé", "decisions": "Décisions", "actions": "Actions"}
SMALL = (
    "> **Modèle de démonstration.** Un modèle de cette taille répond à la bonne forme, mais invente volontiers : ses "
    "points ne valent que par les instants à réécouter. La transcription, plus bas, fait foi."
)


@dataclass(frozen=True)
class Line:
    """Ce que le modèle lit : une phrase, ou un point d'un résumé ; instants en secondes."""

    text: str
    spans: tuple[tuple[float, float], ...]
    speaker: str = ""


Minutes = dict[str, list[Line]]


class Server:
    """Un serveur, et de quoi l'appeler."""

    def __init__(self, channel: grpc.Channel, key: str) -> None:
        self._channel = channel
        self._metadata = (("authorization", f"Bearer {key}"),) if key else ()
        self.model = ""
        self.context = 0

    def choose(self, wanted: str) -> None:
        """Prend le modèle de conversation demandé, sinon le premier qui tient un schéma, et son contexte."""
        stub: Any = admin_pb2_grpc.AdminServiceStub(self._channel)
        found = stub.GetCapabilities(limits_pb2.GetCapabilitiesRequest(), timeout=TIMEOUT, metadata=self._metadata)
        for model in found.models:
            known = model.capability == model_pb2.CAPABILITY_CHAT and "json_schema" in model.features
            if known and wanted in ("", model.key, *model.aliases):
                self.model, self.context = model.key, model.context_tokens
                return
        raise SystemExit(f"aucun modèle de conversation ne convient (demandé : {wanted or 'le premier'}).")

    def transcribe(self, file: Path) -> transcribe_pb2.TranscribeResponse:
        """Transcription avec locuteurs, son avancement sur la sortie d'erreur."""
        upload = transcribe_pb2.UploadTranscribeRequest

        def requests() -> Iterator[transcribe_pb2.UploadTranscribeRequest]:
            yield upload(config=transcribe_pb2.TranscribeConfig(diarization={}))
            with file.open("rb") as audio:
                while chunk := audio.read(CHUNK_BYTES):
                    yield upload(chunk=chunk)

        stub: Any = transcribe_pb2_grpc.TranscribeServiceStub(self._channel)
        for event in stub.UploadTranscribe(requests(), timeout=TIMEOUT, metadata=self._metadata):
            if event.HasField("progress"):
                ratio = event.progress.completed_ratio
                print(f"{event.progress.stage} : {ratio:.0%}", file=sys.stderr)
            elif event.HasField("result"):
                result: transcribe_pb2.TranscribeResponse = event.result
                return result
        raise SystemExit("le serveur a clos le flux sans résultat.")

    def ask(self, text: str, schema: dict[str, Any], tokens: int) -> dict[str, Any] | None:
        """Réponse conforme au schéma ; `None` si la longueur permise l'a coupée."""
        said = ((chat_pb2.CHAT_ROLE_SYSTEM, PROMPT), (chat_pb2.CHAT_ROLE_USER, text))
        wanted = chat_pb2.JsonSchemaFormat(name="minutes", schema=ParseDict(schema, Struct()), strict=True)
        request = chat_pb2.ChatRequest(
            model=self.model,
            messages=[
                chat_pb2.ChatMessage(role=role, content=[chat_pb2.ContentPart(text=part)]) for role, part in said
            ],
            options=chat_pb2.GenerationOptions(max_tokens=tokens, temperature=0.0),
            response_format=chat_pb2.ResponseFormat(json_schema=wanted),
        )
        stub: Any = chat_pb2_grpc.ChatServiceStub(self._channel)
        answer = stub.Chat(request, timeout=TIMEOUT, metadata=self._metadata).choices[0]
        if answer.finish_reason == "length":
            return None
        found: dict[str, Any] = json.loads("".join(part.text for part in answer.message.content))
        return found


def schema_of(kinds: Sequence[str], count: int) -> dict[str, Any]:
    """Schéma d'une réponse qui cite des lignes de 1 à `count`."""
    numbers = {
        "type": "array",
        "items": {"type": "integer", "minimum": 1, "maximum": count},
        "minItems": 1,
        "maxItems": 2,
    }
    point = {
        "type": "object",
        "properties": {"text": {"type": "string", "minLength": 1, "maxLength": 100}, "lines": numbers},
        "required": ["text", "lines"],
        "additionalProperties": False,
    }
    points = {"type": "array", "items": point, "maxItems": 3}
    properties = {kind: points | ({"minItems": 1} if kind == "summary" else {}) for kind in kinds}
    return {"type": "object", "properties": properties, "required": list(kinds), "additionalProperties": False}


def numbered(lines: Sequence[Line]) -> str:
    """Lignes, telles que le modèle les lit."""
    heads = [f"{line.speaker}: " if line.speaker else "" for line in lines]
    return "\n".join(
        f"[{rank}] {head}{line.text}" for rank, (head, line) in enumerate(zip(heads, lines, strict=True), 1)
    )


def batches(lines: Sequence[Line], characters: int) -> list[list[Line]]:
    """Lots de lignes qui tiennent dans autant de caractères ; une ligne plus longue est coupée."""
    found: list[list[Line]] = [[]]
    room = characters
    for line in lines:
        for start in range(0, len(line.text), characters // 2):
            part = Line(line.text[start : start + characters // 2], line.spans, line.speaker)
            taken = len(part.text) + len(part.speaker) + 10
            if found[-1] and taken > room:
                found.append([])
                room = characters
            found[-1].append(part)
            room -= taken
    return [one for one in found if one]


def minutes_of(server: Server, lines: Sequence[Line], most: int = MAX_ANSWER) -> Minutes:
    """Points de ces lignes : lot par lot, puis le résumé des résumés."""
    tokens = min(most, server.context // ANSWER_SHARE)
    characters = int((server.context - tokens - len(PROMPT)) * CHARACTERS_PER_TOKEN)
    found = merged([points_of(server, batch, tuple(KINDS), tokens) for batch in batches(lines, characters)])
    while len(groups := batches(found["summary"], characters)) > 1 or len(found["summary"]) > 6:
        shorter = [one for group in groups for one in points_of(server, group, ("summary",), tokens)["summary"]]
        if len(shorter) >= len(found["summary"]):
            break
        found["summary"] = shorter
    return found


def points_of(server: Server, lines: Sequence[Line], kinds: Sequence[str], tokens: int) -> Minutes:
    """Points d'un lot, chacun avec les instants des lignes qu'il cite."""
    answer = server.ask(numbered(lines), schema_of(kinds, len(lines)), tokens)
    if answer is None:
        if len(lines) == 1:
            print(f"laissée sans point, la réponse ne tenant pas en {tokens} jetons : {lines[0].text}", file=sys.stderr)
            return {kind: [] for kind in KINDS}
        half = len(lines) // 2
        return merged([points_of(server, part, kinds, tokens) for part in (lines[:half], lines[half:])])
    return {kind: [cited(point, lines) for point in answer.get(kind, ())] for kind in KINDS}


def cited(point: dict[str, Any], lines: Sequence[Line]) -> Line:
    """Point, avec les instants de ce qu'il cite."""
    spans = {span for number in point["lines"] for span in lines[int(number) - 1].spans}
    return Line(" ".join(point["text"].split()), tuple(sorted(spans)))


def merged(parts: Sequence[Minutes]) -> Minutes:
    """Points de tous les lots ; un même texte n'y est qu'une fois."""
    found: Minutes = {}
    for kind in KINDS:
        points: dict[str, Line] = {}
        for point in (point for part in parts for point in part[kind]):
            before = points.get(point.text)
            spans = {*point.spans, *(before.spans if before else ())}
            points[point.text] = Line(point.text, tuple(sorted(spans)))
        found[kind] = list(points.values())
    return found


def clock(value: float) -> str:
    """Instant lisible."""
    hours, rest = divmod(int(value), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}"


def markdown(title: str, minutes: Minutes, lines: Sequence[Line], *, small: bool) -> str:
    """Le compte rendu."""
    blocks = [f"# Compte rendu : {title}", *([SMALL] if small else [])]
    for kind, name in KINDS.items():
        blocks.append(f"## {name}")
        points = [
            f"- {point.text} ({', '.join(f'{clock(start)}–{clock(end)}' for start, end in point.spans)})"
            for point in minutes[kind]
        ]
        blocks.append("\n".join(points) or "Rien n'a été relevé.")
    blocks.append("## Transcription")
    blocks += [f"**{line.speaker or '?'}** ({clock(line.spans[0][0])}) {line.text}" for line in lines]
    return "\n\n".join(blocks) + "\n"


def lines_of(result: transcribe_pb2.TranscribeResponse) -> list[Line]:
    """Une ligne par segment."""
    return [
        Line(
            one.text,
            ((one.start_offset.ToMicroseconds() / 1e6, one.end_offset.ToMicroseconds() / 1e6),),
            one.speaker_label,
        )
        for one in result.segments
    ]


def main() -> int:
    """Écrit le compte rendu ; rend le code de sortie."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("adresse", help="hôte:port du serveur")
    parser.add_argument("fichier", type=Path, help="enregistrement")
    parser.add_argument("--modele", default="", help="modèle de conversation ; le premier qui tient un schéma sinon")
    parser.add_argument("--jetons", type=int, default=MAX_ANSWER, help="jetons d'une réponse au plus")
    asked = parser.parse_args()
    with grpc.insecure_channel(asked.adresse, options=[("grpc.max_receive_message_length", 64 << 20)]) as channel:
        server = Server(channel, os.environ.get("OPENAI_KEY", ""))
        server.choose(asked.modele)
        lines = lines_of(server.transcribe(asked.fichier))
        minutes = minutes_of(server, lines, asked.jetons) if lines else {kind: [] for kind in KINDS}
    print(markdown(asked.fichier.name, minutes, lines, small=server.context < SMALL_CONTEXT), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
