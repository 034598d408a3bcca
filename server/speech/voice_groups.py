"""Les voix d'un flux, groupées à mesure : chaque fenêtre de parole a un locuteur, que la suite peut corriger.

Un dendrogramme des fenêtres (liaison moyenne) est recoupé tandis qu'elles arrivent ; entre deux, une fenêtre va à la
voix la plus proche. La mémoire est bornée : au-delà de `most_points`, les plus anciennes fenêtres d'une même voix se
joignent deux à deux, et ne se sépareront plus.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from server.engines.base_audio import VoiceScale, Wave
from server.speech.voice_names import Known, name_of

_LEAST_SECONDS = 2.0
"""Parole en deçà de laquelle une voix n'en est pas une : une fenêtre à cheval sur deux ne ressemble à personne."""
_PACE = 48
"""Le dendrogramme est refait toutes les 1 + n / `_PACE` fenêtres : son coût par fenêtre ne croît pas sans fin."""
_NONE = -1


@dataclass(frozen=True, slots=True)
class SpeakerBounds:
    """Nombre de locuteurs : au plus à tout instant, au moins une fois tout entendu."""

    least: int = 1
    most: int = 32


class VoiceGroups:
    """Fenêtres d'un flux et leurs voix."""

    def __init__(
        self, scale: VoiceScale, bounds: SpeakerBounds, known: Sequence[Known] = (), *, most_points: int = 600
    ) -> None:
        self._scale = scale
        self._bounds = bounds
        self._known = known
        self._most_points = max(most_points, 4 * bounds.most)
        self._sums: NDArray[np.float32] | None = None
        """Somme des empreintes de chaque point, au poids de leur durée."""
        self._seconds: list[float] = []
        self._groups: list[int] = []
        self._windows: list[int] = []
        """Point de chaque fenêtre ; `_NONE` tant qu'aucun n'existe."""
        self._next_group = 0
        self._fresh = 0

    @property
    def points(self) -> int:
        """Points gardés."""
        return len(self._groups)

    def add(self, seconds: Sequence[float], vectors: Sequence[Wave | None]) -> None:
        """Ajoute des fenêtres, dans l'ordre du temps ; sans empreinte, une fenêtre suit sa voisine."""
        for length, vector in zip(seconds, vectors, strict=True):
            if vector is None:
                self._windows.append(len(self._groups) - 1)
                continue
            if not self._groups:
                self._windows = [0] * len(self._windows)
            self._windows.append(len(self._groups))
            group = self._nearest(vector)
            row = (vector * length)[None].astype(np.float32)
            self._sums = row if self._sums is None else np.concatenate([self._sums, row])
            self._seconds.append(length)
            self._groups.append(group)
            self._fresh += 1
        if self._fresh > len(self._groups) // _PACE:
            self._regroup(least=1)
            self._compress()

    def settle(self) -> None:
        """Tout est entendu : les dernières corrections."""
        self._regroup(least=self._bounds.least)

    def labels(self) -> list[str]:
        """Locuteur de chaque fenêtre, dans l'ordre de leur ajout."""
        names = self.names()
        if not self._groups:
            return [_label(0)] * len(self._windows)
        return [names[self._groups[point]] for point in self._windows]

    def names(self) -> dict[int, str]:
        """Nom de chaque voix, ou son étiquette si aucun n'est assez sûr."""
        return {group: self._name(group) for group in sorted(set(self._groups))}

    def unknown(self) -> set[str]:
        """Étiquettes des voix à qui aucun des noms donnés ne va."""
        return {label for group, label in self.names().items() if self._known and label == _label(group)}

    def _name(self, group: int) -> str:
        if not self._known:
            return _label(group)
        return name_of(self._centres([group])[0], self._known, self._scale) or _label(group)

    def _nearest(self, vector: Wave) -> int:
        """Voix la plus proche : une fenêtre seule ne dit pas qu'il en est une autre."""
        if groups := sorted(set(self._groups)):
            return groups[int((self._centres(groups) @ vector).argmax())]
        self._next_group += 1
        return self._next_group - 1

    def _centres(self, groups: Sequence[int]) -> NDArray[np.float32]:
        assert self._sums is not None
        member = np.array(self._groups)
        return _unit(np.stack([self._sums[member == group].sum(axis=0) for group in groups]))

    def _regroup(self, *, least: int) -> None:
        self._fresh = 0
        if self._sums is None or len(self._groups) < 2:
            return
        found = self._clusters(least)
        self._groups = self._continued(found)

    def _clusters(self, least: int) -> NDArray[np.int64]:
        """Groupe de chaque point, numéroté de zéro."""
        # scipy n'est que dans les environnements de diarisation.
        from scipy.cluster.hierarchy import fcluster, linkage

        assert self._sums is not None
        units = _unit(self._sums)
        tree: Any = linkage(units, method="average", metric="cosine")
        seconds = np.array(self._seconds)
        found = self._shaped(fcluster(tree, 1 - self._scale.same, "distance"), units, seconds)
        asked = least
        while found.max() + 1 < least and asked <= 4 * least:
            found = self._shaped(fcluster(tree, asked, "maxclust"), units, seconds)
            asked += 1
        return found

    def _shaped(self, clusters: NDArray[Any], units: NDArray[np.float32], seconds: NDArray[Any]) -> NDArray[np.int64]:
        """Sans les groupes trop brefs pour être une voix, ni plus de groupes qu'il n'en est permis."""
        found = np.unique(clusters, return_inverse=True)[1].astype(np.int64)
        while (count := int(found.max()) + 1) > 1:
            spoken = np.bincount(found, weights=seconds, minlength=count)
            centres = _unit(np.stack([(units * seconds[:, None])[found == g].sum(axis=0) for g in range(count)]))
            alike = centres @ centres.T
            np.fill_diagonal(alike, -2)
            small = int(spoken.argmin())
            if spoken[small] < _LEAST_SECONDS:
                gone, into = small, int(alike[small].argmax())
            elif count > self._bounds.most:
                gone, into = divmod(int(alike.argmax()), count)
            else:
                break
            found[found == gone] = into
            found = np.unique(found, return_inverse=True)[1].astype(np.int64)
        return found

    def _continued(self, found: NDArray[np.int64]) -> list[int]:
        """Les mêmes groupes, chacun au numéro de celui dont il tient le plus de parole ; un numéro neuf sinon."""
        shared: dict[tuple[int, int], float] = {}
        for new, old, seconds in zip(found.tolist(), self._groups, self._seconds, strict=True):
            shared[new, old] = shared.get((new, old), 0.0) + seconds
        kept: dict[int, int] = {}
        # À parole égale, celui qui a parlé le premier garde le numéro : `shared` est dans l'ordre du temps.
        for new, old in sorted(shared, key=lambda pair: -shared[pair]):
            if new not in kept and old not in kept.values():
                kept[new] = old
        for new in found.tolist():
            if new not in kept:
                kept[new] = self._next_group
                self._next_group += 1
        return [kept[new] for new in found.tolist()]

    def _compress(self) -> None:
        """Joint deux à deux les points d'une même voix, les plus anciens d'abord, jusqu'à un quart de place libre."""
        if self._sums is None or len(self._groups) <= self._most_points:
            return
        surplus = len(self._groups) - 3 * self._most_points // 4
        into = list(range(len(self._groups)))
        waiting: dict[int, int] = {}
        for point, group in enumerate(self._groups):
            if not surplus:
                break
            if group in waiting:
                into[point] = waiting.pop(group)
                surplus -= 1
            else:
                waiting[group] = point
        kept = [point for point, target in enumerate(into) if point == target]
        place = {point: rank for rank, point in enumerate(kept)}
        sums = np.zeros((len(kept), self._sums.shape[1]), np.float32)
        seconds = [0.0] * len(kept)
        for point, target in enumerate(into):
            sums[place[target]] += self._sums[point]
            seconds[place[target]] += self._seconds[point]
        self._groups = [self._groups[point] for point in kept]
        self._sums, self._seconds = sums, seconds
        self._windows = [place[into[point]] for point in self._windows]


def _label(group: int) -> str:
    return f"SPEAKER_{group:02d}"


def _unit(rows: NDArray[Any]) -> NDArray[np.float32]:
    units: NDArray[np.float32] = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return units.astype(np.float32)
