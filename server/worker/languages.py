"""La langue d'un audio dont la requête ne la dit pas : ses premières secondes de parole en décident ensemble.

Une fenêtre que le moteur reconnaît avec assez de certitude garde sa langue : un changement au milieu d'un fichier se
voit donc. Une fenêtre douteuse, un mot isolé par exemple, prend une langue déjà entendue.
"""

from dataclasses import dataclass, field

from server.engines.base_audio import Recognition

_CERTAIN = 0.8
"""Probabilité à partir de laquelle une fenêtre a sa propre langue."""
_DECIDING_SECONDS = 30.0
"""Parole qui décide de la langue de l'ensemble."""


@dataclass(slots=True)
class Languages:
    """Langues entendues, au poids de leur durée."""

    given: str
    """Langue que la requête impose ; vide : à reconnaître."""
    _votes: dict[str, float] = field(default_factory=dict)
    _measured: dict[str, tuple[float, float]] = field(default_factory=dict)
    _heard: float = 0.0
    _last: str = ""

    def hear(self, found: Recognition, seconds: float) -> None:
        """Compte une fenêtre de `seconds` secondes de parole."""
        if not found.language or not any(segment.text for segment in found.segments):
            return
        # Sans probabilité, le moteur n'a pas eu à choisir.
        sure = 1.0 if found.language_probability is None else found.language_probability
        if sure >= _CERTAIN:
            self._last = found.language
        counted = min(seconds, _DECIDING_SECONDS - self._heard)
        if counted <= 0:
            return
        self._heard += counted
        self._votes[found.language] = self._votes.get(found.language, 0.0) + counted * sure
        if found.language_probability is not None:
            weight, total = self._measured.get(found.language, (0.0, 0.0))
            self._measured[found.language] = weight + counted, total + counted * sure

    @property
    def likely(self) -> str:
        """Langue de l'ensemble, d'après ce qui est entendu ; vide si rien ne l'est."""
        return self.given or max(self._votes, key=self._votes.__getitem__, default="")

    @property
    def probability(self) -> float | None:
        """Probabilité moyenne de cette langue dans ce qui en décide ; `None` si le moteur ne l'a pas mesurée."""
        weight, total = self._measured.get(self.likely, (0.0, 0.0))
        return total / weight if weight else None

    @property
    def decided(self) -> bool:
        """Vrai si la suite ne peut plus changer la langue de l'ensemble."""
        first, second, *_ = [*sorted(self._votes.values(), reverse=True), 0.0, 0.0]
        return bool(self.given) or first - second > _DECIDING_SECONDS - self._heard

    def doubtful(self, found: Recognition) -> bool:
        """Vrai si cette fenêtre n'a pas de langue sûre, ni déjà entendue avec certitude."""
        sure = found.language_probability
        return sure is not None and sure < _CERTAIN and found.language != self._last

    def better(self, found: Recognition) -> str:
        """Langue où refaire une fenêtre douteuse ; vide si la sienne convient."""
        if not self.doubtful(found) or found.language == self.likely:
            return ""
        return self._last or self.likely
