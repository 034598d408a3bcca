"""Les voix d'un flux, groupées à mesure : qui est qui, ce qui se corrige, ce qui est borné."""

from itertools import cycle, islice

import numpy as np
import pytest

from server.engines.base_audio import VoiceScale, Wave
from server.speech.voice_groups import SpeakerBounds, VoiceGroups

SCALE = VoiceScale(same=0.5, named=0.7)
DIMENSION = 24


def voice(person: int, seed: int, noise: float = 0.12) -> Wave:
    """Une fenêtre de cette personne : sa direction, et du bruit."""
    base = np.zeros(DIMENSION)
    base[person] = 1
    found = base + np.random.default_rng(seed).standard_normal(DIMENSION) * noise
    return (found / np.linalg.norm(found)).astype(np.float32)


def heard(groups: VoiceGroups, people: list[int]) -> None:
    """Une fenêtre d'une seconde et demie par personne, l'une après l'autre."""
    for seed, person in enumerate(people):
        groups.add([1.5], [voice(person, seed)])


def same_partition(labels: list[str], people: list[int]) -> bool:
    return len(set(labels)) == len(set(people)) == len(set(zip(labels, people, strict=True)))


@pytest.mark.parametrize("people", [[0] * 9, [0, 0, 0, 1, 1, 1, 0, 0, 1, 1], [0, 0, 1, 1, 2, 2, 0, 0, 2, 2, 1, 1]])
def test_each_window_goes_to_its_voice(people: list[int]) -> None:
    groups = VoiceGroups(SCALE, SpeakerBounds())
    heard(groups, people)
    groups.settle()
    labels = groups.labels()
    assert same_partition(labels, people) and labels[0] == "SPEAKER_00"
    assert set(labels) == {f"SPEAKER_{rank:02d}" for rank in range(len(set(people)))}


def test_a_new_voice_is_first_the_nearest_then_corrected() -> None:
    groups = VoiceGroups(SCALE, SpeakerBounds())
    heard(groups, [0, 0, 0, 1])
    assert set(groups.labels()) == {"SPEAKER_00"}
    groups.add([1.5], [voice(1, 99)])
    assert groups.labels() == ["SPEAKER_00"] * 3 + ["SPEAKER_01"] * 2


def test_a_window_too_short_follows_its_neighbour() -> None:
    groups = VoiceGroups(SCALE, SpeakerBounds())
    groups.add([0.2], [None])
    assert groups.labels() == ["SPEAKER_00"]
    heard(groups, [0, 0, 1, 1])
    groups.add([0.2], [None])
    groups.settle()
    assert groups.labels() == ["SPEAKER_00"] * 3 + ["SPEAKER_01"] * 3


@pytest.mark.parametrize("most", [1, 2, 3])
def test_never_more_voices_than_told(most: int) -> None:
    groups = VoiceGroups(SCALE, SpeakerBounds(most=most))
    for seed, person in enumerate([0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]):
        groups.add([1.5], [voice(person, seed)])
        assert len(set(groups.labels())) <= most
    groups.settle()
    assert len(set(groups.labels())) == most


def test_the_least_is_reached_once_all_is_heard() -> None:
    """Deux voix si proches qu'elles n'en feraient qu'une."""
    groups = VoiceGroups(VoiceScale(-0.9, 0.7), SpeakerBounds(least=2))
    people = [0, 0, 0, 1, 1, 1]
    heard(groups, people)
    assert len(set(groups.labels())) == 1
    groups.settle()
    assert same_partition(groups.labels(), people)


def test_an_hour_keeps_its_voices_and_a_flat_memory() -> None:
    """2 400 fenêtres, soit une heure de parole, de trois voix ; deux ne viennent que de loin en loin."""
    groups = VoiceGroups(SCALE, SpeakerBounds(most=8), most_points=100)
    people = list(islice(cycle([0] * 20 + [1] * 5 + [0] * 10 + [2] * 5), 2400))
    most = 0
    for seed, person in enumerate(people):
        groups.add([1.5], [voice(person, seed)])
        most = max(most, groups.points)
    groups.settle()
    assert most <= 104
    assert same_partition(groups.labels(), people)


def test_voices_that_alternate_stay_within_the_bound() -> None:
    """Jamais deux fenêtres de suite de la même voix."""
    groups = VoiceGroups(SCALE, SpeakerBounds(most=4), most_points=40)
    people = list(islice(cycle(range(4)), 400))
    heard(groups, people)
    groups.settle()
    assert groups.points <= 44 and same_partition(groups.labels(), people)
