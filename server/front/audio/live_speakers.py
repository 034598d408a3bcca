"""Les locuteurs d'un direct : chaque mot rendu en a un aussitôt, que la suite peut corriger.

Les mots viennent de la transcription, les fenêtres de voix de la diarisation, chacune à son allure. Le texte ne change
jamais : une correction dit quels mots, de qui à qui.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable

from google.protobuf.duration_pb2 import Duration
from passerelle.v1 import audio_pb2, diarize_pb2, speakers_pb2, transcribe_pb2
from passerelle.worker.v1 import voices_pb2

_FIRST = "SPEAKER_00"
"""Qui parle tant qu'aucune voix n'est entendue : le premier, par définition."""


class LiveSpeakers:
    """Mots rendus et voix entendues d'un flux ; quelques octets de chaque sont gardés."""

    def __init__(self, first_sample: int, rate: int) -> None:
        """`first_sample` : rang, dans l'audio du client, du premier échantillon de ce flux."""
        self._shift = round(first_sample * 1_000_000 / rate)
        self._labels: list[str] = []
        """Locuteurs vus ; les tableaux n'en gardent que le rang."""
        self._unknown: set[str] = set()
        # Fenêtres, en microsecondes depuis le début de l'audio du client.
        self._starts, self._ends, self._voices = array("q"), array("q"), array("H")
        # Mots : leur milieu, leur locuteur, leur phrase ; et le premier mot de chaque phrase.
        self._middles, self._speakers, self._utterances = array("q"), array("H"), array("L")
        self._firsts: dict[int, int] = {}

    def hear(self, output: voices_pb2.VoicesOutput) -> list[speakers_pb2.SpeakerRevision]:
        """Suit ce qu'un exemplaire de diarisation vient de dire ; rend ce qui change des mots déjà rendus."""
        touched: list[tuple[int, int]] = []
        for change in output.changes:
            voice = self._rank(change.label)
            for rank in range(change.first, change.first + change.count):
                self._voices[rank] = voice
            touched.append((change.first, change.first + change.count))
        if output.windows:
            touched.append((len(self._starts), len(self._starts) + len(output.windows)))
        for window in output.windows:
            self._starts.append(self._shift + window.start * 125 // 2)
            self._ends.append(self._shift + window.end * 125 // 2)
            self._voices.append(self._rank(window.label))
        self._unknown |= set(output.unknown)
        changed: dict[int, tuple[int, int]] = {}
        for first, last in touched:
            for word in self._near(first, last):
                before, after = self._speakers[word], self._voice_at(self._middles[word])
                if before != after:
                    self._speakers[word] = after
                    changed[word] = (before, after)
        return self._revisions(changed)

    def name(self, segment: audio_pb2.Segment) -> None:
        """Donne un locuteur à chaque mot d'une phrase qui part, et à la phrase celui de la plupart."""
        self._firsts[segment.index] = len(self._middles)
        for word in segment.words:
            middle = (word.start_offset.ToMicroseconds() + word.end_offset.ToMicroseconds()) // 2
            # L'alignement recule parfois d'un rien : les mots restent dans l'ordre où ils se cherchent.
            middle = max(middle, self._middles[-1]) if self._middles else middle
            speaker = self._voice_at(middle)
            self._middles.append(middle)
            self._speakers.append(speaker)
            self._utterances.append(segment.index)
            word.speaker_label = self._labels[speaker]
        if segment.words:
            segment.speaker_label = Counter(word.speaker_label for word in segment.words).most_common(1)[0][0]
        else:
            segment.speaker_label = self._labels[self._voice_at(segment.end_offset.ToMicroseconds())]

    def guess(self, partial: transcribe_pb2.PartialTranscript) -> None:
        """Locuteur d'une phrase en cours : le dernier entendu."""
        partial.speaker_label = self._labels[self._voices[-1]] if self._voices else _FIRST

    def summaries(self) -> list[diarize_pb2.SpeakerSummary]:
        """Bilan de chaque locuteur, dans l'ordre des étiquettes."""
        spoken: Counter[int] = Counter()
        turns: Counter[int] = Counter()
        before = -1
        for start, end, voice in zip(self._starts, self._ends, self._voices, strict=True):
            spoken[voice] += end - start
            turns[voice] += voice != before
            before = voice
        # Un mot trop bref pour une empreinte est quand même de quelqu'un.
        for voice in set(self._speakers) - set(spoken):
            spoken[voice], turns[voice] = 0, 1
        found = []
        for voice in sorted(spoken, key=lambda voice: self._labels[voice]):
            length = Duration()
            length.FromMicroseconds(spoken[voice])
            label = self._labels[voice]
            found.append(
                diarize_pb2.SpeakerSummary(
                    speaker_label=label,
                    speech_duration=length,
                    turn_count=turns[voice],
                    unknown=label in self._unknown,
                )
            )
        return found

    def _rank(self, label: str) -> int:
        if label not in self._labels:
            self._labels.append(label)
        return self._labels.index(label)

    def _voice_at(self, at: int) -> int:
        """Voix de cet instant : celle de sa fenêtre, sinon de la plus proche."""
        if not self._starts:
            return self._rank(_FIRST)
        after = bisect_right(self._starts, at)
        if after == 0:
            return self._voices[0]
        if after < len(self._starts) and self._starts[after] - at < at - self._ends[after - 1]:
            return self._voices[after]
        return self._voices[after - 1]

    def _near(self, first: int, last: int) -> Iterable[int]:
        """Mots que ces fenêtres peuvent concerner : ceux qu'aucune autre ne couvre."""
        low = bisect_left(self._middles, self._ends[first - 1]) if first else 0
        high = bisect_right(self._middles, self._starts[last]) if last < len(self._starts) else len(self._middles)
        return range(low, high)

    def _revisions(self, changed: dict[int, tuple[int, int]]) -> list[speakers_pb2.SpeakerRevision]:
        found: list[speakers_pb2.SpeakerRevision] = []
        last = -2
        for word in sorted(changed):
            before, after = (self._labels[rank] for rank in changed[word])
            utterance = self._utterances[word]
            one = found[-1] if found else None
            if (
                one is not None
                and word == last + 1
                and (one.utterance_index, one.from_label, one.to_label) == (utterance, before, after)
            ):
                one.word_count += 1
            else:
                found.append(
                    speakers_pb2.SpeakerRevision(
                        utterance_index=utterance,
                        first_word=word - self._firsts[utterance],
                        word_count=1,
                        from_label=before,
                        to_label=after,
                    )
                )
            last = word
        return found
