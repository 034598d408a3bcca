"""Les verbes d'inférence : conversation, transcription, diarisation."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click
from passerelle.v1 import (
    audio_pb2,
    chat_pb2,
    chat_pb2_grpc,
    diarize_pb2,
    diarize_pb2_grpc,
    model_pb2,
    transcribe_pb2,
    transcribe_pb2_grpc,
)

from server.cli import show
from server.cli.admin import Session
from server.cli.connection import CommandError
from server.cli.models import chosen, model_option
from server.formats import rttm, subtitles
from server.formats.api import seconds

_CHUNK = 256 * 1024
_AUDIO = click.argument("file", metavar="FICHIER", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@click.command(help="Parle à un modèle : le message donné, sinon l'entrée standard, sinon une conversation.")
@click.argument("message", metavar="[MESSAGE]…", nargs=-1)
@model_option()
@click.option("--system", default="", help="Consigne donnée au modèle.")
@click.option("--max-tokens", type=click.IntRange(1), help="Jetons produits au plus.")
@click.option("--temperature", type=click.FloatRange(0.0), help="Température.")
@click.pass_obj
def chat(
    session: Session,
    message: tuple[str, ...],
    model: str | None,
    system: str,
    max_tokens: int | None,
    temperature: float | None,
) -> None:
    """Conversation."""
    options = chat_pb2.GenerationOptions(max_tokens=max_tokens, temperature=temperature)
    history = [_said(chat_pb2.CHAT_ROLE_SYSTEM, system)] if system else []
    text = " ".join(message)
    if not text and not sys.stdin.isatty():
        text = sys.stdin.read()
    with session.server.channel() as channel:
        stub = chat_pb2_grpc.ChatServiceStub(channel)
        model = chosen(channel, model, model_pb2.CAPABILITY_CHAT)
        for question in [text] if text else _questions():
            history.append(_said(chat_pb2.CHAT_ROLE_USER, question))
            request = chat_pb2.ChatRequest(model=model, messages=history, options=options)
            if session.as_json:
                answer = stub.Chat(request, metadata=session.server.metadata())
                show.message(answer, one_line=not text)
                history.append(answer.choices[0].message)
            else:
                history.append(_said(chat_pb2.CHAT_ROLE_ASSISTANT, _stream(session, stub, request)))


def _said(role: Any, text: str) -> chat_pb2.ChatMessage:
    return chat_pb2.ChatMessage(role=role, content=[chat_pb2.ContentPart(text=text)])


def _questions() -> Iterator[str]:
    click.echo("Une ligne vide ou Ctrl-D termine la conversation.", err=True)
    while True:
        try:
            question = input("> ").strip()
        except (EOFError, KeyboardInterrupt):
            return
        if not question:
            return
        yield question


def _stream(session: Session, stub: Any, request: chat_pb2.ChatRequest) -> str:
    """Écrit la réponse à mesure ; la rend entière."""
    written = []
    wrapped = chat_pb2.StreamChatRequest(request=request)
    for answer in stub.StreamChat(wrapped, metadata=session.server.metadata()):
        for delta in answer.deltas:
            written.append(delta.content)
            click.echo(delta.content, nl=False)
    click.echo()
    return "".join(written)


@click.command(help="Transcrit un fichier audio.")
@_AUDIO
@model_option()
@click.option("--language", help="Langue parlée (fr, fr-FR, français) ; sinon reconnue.")
@click.option("--translate", is_flag=True, help="Traduit en anglais.")
@click.option("--prompt", help="Texte qui oriente la reconnaissance.")
@click.option("--phrase", "phrases", multiple=True, help="Mot ou expression à reconnaître de préférence ; répétable.")
@click.option("--diarize", "speakers", is_flag=True, help="Nomme les locuteurs.")
@click.option("--num-speakers", type=click.IntRange(1), help="Locuteurs attendus, avec --diarize.")
@click.option(
    "--format", "form", type=click.Choice(["text", "srt", "vtt"]), default="text", show_default=True, help="Forme."
)
@click.pass_obj
def transcribe(
    session: Session,
    file: Path,
    model: str | None,
    language: str | None,
    translate: bool,
    prompt: str | None,
    phrases: tuple[str, ...],
    speakers: bool,
    num_speakers: int | None,
    form: str,
) -> None:
    """Transcription d'un fichier."""
    if num_speakers and not speakers:
        raise click.UsageError("--num-speakers demande --diarize.")
    config = transcribe_pb2.TranscribeConfig(
        language=language,
        prompt=prompt,
        phrases=phrases,
        task=transcribe_pb2.TRANSCRIBE_TASK_TRANSLATE if translate else transcribe_pb2.TRANSCRIBE_TASK_TRANSCRIBE,
        word_timestamps=form != "text" or speakers,
        diarization=diarize_pb2.DiarizeConfig(num_speakers=num_speakers) if speakers else None,
    )
    upload = transcribe_pb2.UploadTranscribeRequest
    with session.server.channel() as channel:
        config.model = chosen(channel, model, model_pb2.CAPABILITY_TRANSCRIBE)
        if speakers:
            config.diarization.model = chosen(channel, None, model_pb2.CAPABILITY_DIARIZE)
        events = transcribe_pb2_grpc.TranscribeServiceStub(channel).UploadTranscribe(
            _upload(upload(config=config), upload, file), metadata=session.server.metadata()
        )
        result = _result(session, events, file.name)
    if session.as_json:
        show.message(result)
    elif form == "text":
        click.echo(_by_speaker(result) if speakers else result.text)
    else:
        click.echo(subtitles.srt(result) if form == "srt" else subtitles.vtt(result), nl=False)


def _by_speaker(result: transcribe_pb2.TranscribeResponse) -> str:
    lines = []
    for segment in result.segments:
        lines.append(f"{show.clock(seconds(segment.start_offset))}  {segment.speaker_label or '?'} : {segment.text}")
    return "\n".join(lines)


@click.command(help="Dit qui parle quand, dans un fichier audio.")
@_AUDIO
@model_option()
@click.option("--num-speakers", type=click.IntRange(1), help="Locuteurs attendus.")
@click.option("--min-speakers", type=click.IntRange(1), help="Locuteurs au moins.")
@click.option("--max-speakers", type=click.IntRange(1), help="Locuteurs au plus.")
@click.option("--format", "form", type=click.Choice(["text", "rttm"]), default="text", show_default=True, help="Forme.")
@click.pass_obj
def diarize(
    session: Session,
    file: Path,
    model: str | None,
    num_speakers: int | None,
    min_speakers: int | None,
    max_speakers: int | None,
    form: str,
) -> None:
    """Diarisation d'un fichier."""
    config = diarize_pb2.DiarizeConfig(num_speakers=num_speakers, min_speakers=min_speakers, max_speakers=max_speakers)
    upload = diarize_pb2.UploadDiarizeRequest
    with session.server.channel() as channel:
        config.model = chosen(channel, model, model_pb2.CAPABILITY_DIARIZE)
        events = diarize_pb2_grpc.DiarizeServiceStub(channel).UploadDiarize(
            _upload(upload(config=config), upload, file), metadata=session.server.metadata()
        )
        result = _result(session, events, file.name)
    if session.as_json:
        show.message(result)
    elif form == "rttm":
        click.echo(rttm.rttm(result), nl=False)
    else:
        for turn in result.turns:
            start, end = show.clock(seconds(turn.start_offset)), show.clock(seconds(turn.end_offset))
            click.echo(f"{start} – {end}  {turn.speaker_label}")


def _upload(config: Any, upload: Any, file: Path) -> Iterator[Any]:
    yield config
    with file.open("rb") as audio:
        while chunk := audio.read(_CHUNK):
            yield upload(chunk=chunk)


def _result(session: Session, events: Iterable[Any], label: str) -> Any:
    """Résultat d'un flux d'événements, l'avancement étant montré sur la sortie d'erreur."""
    shown = None if session.as_json else sys.stderr
    stages: dict[str, float] = {}
    with click.progressbar(length=100, label=label, file=shown, hidden=session.as_json) as bar:
        for event in events:
            match event.WhichOneof("event"):
                case "progress":
                    progress: audio_pb2.AudioProgress = event.progress
                    stages[progress.stage] = max(progress.completed_ratio, stages.get(progress.stage, 0.0))
                    # Deux moteurs travaillent à la fois : la barre est celle du moins avancé.
                    under = [stage for stage, ratio in stages.items() if ratio < 1] or [progress.stage]
                    bar.label = f"{label} ({', '.join(show.stage(stage) for stage in under)})"
                    bar.update(max(0, round(100 * min(stages.values())) - bar.pos))
                case "result":
                    bar.update(100 - bar.pos)
                    return event.result
    raise CommandError("le serveur a clos le flux sans résultat.")


VERBS = (chat, transcribe, diarize)
