"""La rencontre d'une transcription et d'une diarisation : chaque mot reçoit son locuteur.

Un mot va au tour exclusif qu'il recouvre le plus, sinon au plus proche ; un segment est coupé quand le locuteur change.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise

from passerelle.v1 import audio_pb2, diarize_pb2, transcribe_pb2

from server.slices import cuttable, spans


def attribute(
    transcript: transcribe_pb2.TranscribeResponse, diarization: diarize_pb2.DiarizeResponse
) -> transcribe_pb2.TranscribeResponse:
    """Transcription dont chaque mot et chaque segment a son locuteur ; sans aucun tour, elle reste sans locuteur.

    Le texte entier ne change pas : celui de chaque segment est une tranche du sien.
    """
    result = transcribe_pb2.TranscribeResponse()
    result.CopyFrom(transcript)
    result.speakers.extend(diarization.speakers)
    speakers = Speakers(diarization)
    del result.segments[:]
    for segment in transcript.segments:
        result.segments.extend(speakers.parts(segment))
    return result


class Speakers:
    """Donne leurs locuteurs aux segments d'une transcription, l'un après l'autre."""

    def __init__(self, diarization: diarize_pb2.DiarizeResponse) -> None:
        self._turns = _Turns(diarization.exclusive_turns or diarization.turns)
        self._count = 0

    def parts(self, segment: audio_pb2.Segment) -> list[audio_pb2.Segment]:
        """Le segment suivant, coupé par locuteur ; tel quel s'il n'y a aucun tour."""
        parts = list(_attributed(segment, self._turns)) if self._turns.known else [segment]
        for part in parts:
            part.index = self._count
            self._count += 1
        return parts


def separated(transcript: transcribe_pb2.TranscribeResponse) -> transcribe_pb2.TranscribeResponse:
    """Transcription dont chaque segment n'a qu'un locuteur : une phrase de direct en a parfois plusieurs."""
    if not any(word.HasField("speaker_label") for segment in transcript.segments for word in segment.words):
        return transcript
    result = transcribe_pb2.TranscribeResponse()
    result.CopyFrom(transcript)
    del result.segments[:]
    for segment in transcript.segments:
        labels = [word.speaker_label or segment.speaker_label for word in segment.words]
        # Les mots font foi : une correction a pu les changer tous, et laisser au segment son premier locuteur.
        for part in _split(segment, labels) if {*labels} - {segment.speaker_label} else (segment,):
            result.segments.add().CopyFrom(part)
            result.segments[-1].index = len(result.segments) - 1
    return result


class _Turns:
    """Tours triés, cherchés par l'instant."""

    def __init__(self, turns: Sequence[diarize_pb2.SpeakerTurn]) -> None:
        spans = [(t.start_offset.ToMicroseconds(), t.end_offset.ToMicroseconds(), t.speaker_label) for t in turns]
        self._spans = sorted(spans)
        self._starts = [span[0] for span in self._spans]
        self.known = bool(spans)

    def speaker(self, start: int, end: int) -> str:
        """Locuteur d'un intervalle, en microsecondes."""
        after = bisect_right(self._starts, end)
        # Des tours exclusifs ne se recouvrent pas : peu de voisins suffisent, sauf le repli sur des tours recouvrants.
        near = self._spans[max(0, after - 8) : after + 1]

        def nearness(span: tuple[int, int, str]) -> tuple[int, int]:
            overlap = min(end, span[1]) - max(start, span[0])
            return (max(0, overlap), min(0, overlap))

        return max(near, key=nearness)[2]


def _attributed(segment: audio_pb2.Segment, turns: _Turns) -> Iterator[audio_pb2.Segment]:
    if not segment.words:
        copy = audio_pb2.Segment()
        copy.CopyFrom(segment)
        copy.speaker_label = turns.speaker(segment.start_offset.ToMicroseconds(), segment.end_offset.ToMicroseconds())
        yield copy
        return
    spoken = (turns.speaker(w.start_offset.ToMicroseconds(), w.end_offset.ToMicroseconds()) for w in segment.words)
    yield from _split(segment, list(spoken))


def _split(segment: audio_pb2.Segment, speakers: Sequence[str]) -> Iterator[audio_pb2.Segment]:
    """Le segment, coupé là où le locuteur de ses mots change."""
    text = segment.text
    groups: list[tuple[str, list[audio_pb2.Word]]] = []
    starts: list[int] = []
    before = 0
    places = spans(text, [word.text for word in segment.words])
    for word, speaker, (start, end) in zip(segment.words, speakers, places, strict=True):
        # Un segment ne se coupe que là où le texte se retrouve de ses tranches.
        if not groups or (groups[-1][0] != speaker and cuttable(text, before, start)):
            groups.append((speaker, []))
            starts.append(start if starts else 0)
        spoken = audio_pb2.Word()
        spoken.CopyFrom(word)
        spoken.speaker_label = groups[-1][0]
        groups[-1][1].append(spoken)
        before = end
    for (speaker, words), (start, end) in zip(groups, pairwise([*starts, len(text)]), strict=True):
        # Tout le reste (langue, coupure…) est celui du segment.
        part = audio_pb2.Segment()
        part.CopyFrom(segment)
        part.text = text[start:end].strip(" ")
        part.start_offset.CopyFrom(words[0].start_offset)
        part.end_offset.CopyFrom(words[-1].end_offset)
        part.speaker_label = speaker
        part.low_confidence = any(word.low_confidence for word in words)
        del part.words[:]
        part.words.extend(words)
        confidences = [word.confidence for word in words if word.HasField("confidence")]
        if confidences:
            part.confidence = sum(confidences) / len(confidences)
        yield part
