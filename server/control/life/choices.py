"""Ce que l'exploitant a choisi pour un modèle, et ce qu'il faut lancer ou retirer pour le suivre.

Les choix sont retenus d'un démarrage à l'autre ; le profil en donne le début.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from server.control.gpu.needs import check_options, gpus_per_replica
from server.control.gpu.placement import Demand, check_count
from server.control.life.replicas import Replica
from server.control.record.journal import Journal
from server.control.weights.cache import Artifacts
from server.domain import ModelSpec
from server.errors import InvalidRequest, InvalidState


@dataclass(frozen=True, slots=True)
class LoadOrder:
    """Ce qu'un chargement demande ; ce qui est absent garde le choix retenu."""

    gpus: tuple[int, ...] = ()
    replicas: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options du moteur à changer."""
    pinned: bool | None = None
    idle_unload: float | None = None
    """Secondes sans requête avant de se décharger ; 0 : jamais."""
    make_room: bool = False
    """Décharge d'autres modèles s'il le faut."""


@dataclass(frozen=True, slots=True)
class Choices:
    """Choix en vigueur pour un modèle."""

    gpus: tuple[int, ...]
    replicas: int
    pinned: bool
    idle_unload: float
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options du moteur changées depuis le profil."""

    @classmethod
    def of(cls, spec: ModelSpec) -> "Choices":
        """Ceux du profil."""
        return cls(spec.gpus, spec.replicas, spec.pinned, spec.idle_unload_seconds)

    def spec(self, spec: ModelSpec) -> ModelSpec:
        """Modèle, options changées comprises."""
        return replace(spec, options={**spec.options, **self.options}) if self.options else spec

    def ordered(self, spec: ModelSpec, order: LoadOrder) -> "Choices":
        """Choix après cet ordre.

        Raises:
            InvalidRequest: option que le profil ne laisse pas changer, ou hors des limites.
        """
        refused = sorted(set(order.options) - set(spec.load_options))
        if refused:
            allowed = ", ".join(spec.load_options) or "aucune"
            raise InvalidRequest(
                f"options : {', '.join(refused)} ne se change pas au chargement de « {spec.key} » "
                f"(permises : {allowed}).",
                metadata={"field": f"options.{refused[0]}", "limit": allowed, "value": refused[0]},
            )
        found = replace(
            self,
            gpus=order.gpus or self.gpus,
            replicas=self.replicas if order.replicas is None else order.replicas,
            pinned=self.pinned if order.pinned is None else order.pinned,
            idle_unload=self.idle_unload if order.idle_unload is None else order.idle_unload,
            options={**self.options, **order.options},
        )
        check_options(found.spec(spec).options)
        return found

    def save(self, key: str, journal: Journal, before: "Choices") -> None:
        """Retient ce qui a changé."""
        for name, value in self._values().items():
            if value != before._values()[name]:
                journal.choose(f"{name}/{key}", value)

    def restored(self, spec: ModelSpec, kept: Mapping[str, Any]) -> "Choices":
        """Choix que le journal avait retenus ; une option que le profil n'ouvre plus est oubliée."""

        def value(name: str, default: Any) -> Any:
            return kept.get(f"{name}/{spec.key}", default)

        options = {k: v for k, v in value("options", {}).items() if k in spec.load_options}
        return Choices(
            gpus=tuple(value("gpus", self.gpus)),
            replicas=int(value("replicas", self.replicas)),
            pinned=bool(value("pinned", self.pinned)),
            idle_unload=float(value("idle_unload", self.idle_unload)),
            options=options,
        )

    def _values(self) -> dict[str, Any]:
        return {
            "gpus": list(self.gpus),
            "replicas": self.replicas,
            "pinned": self.pinned,
            "idle_unload": self.idle_unload,
            "options": dict(self.options),
        }


@dataclass(frozen=True, slots=True)
class Move:
    """Ce qu'il faut faire pour suivre un ordre."""

    choices: Choices
    """Choix une fois l'ordre suivi."""
    demand: Demand
    """Exemplaires à lancer."""
    leaving: tuple[Replica, ...] = ()
    """Exemplaires à retirer ensuite."""


def follow(
    spec: ModelSpec, artifacts: Artifacts, choices: Choices, order: LoadOrder, current: Sequence[Replica]
) -> Move:
    """Suivre un ordre ; rien à lancer ni à retirer s'il l'est déjà.

    Un exemplaire qui manque est ouvert : tous, pour un premier chargement. Un GPU de plus prend un exemplaire de plus ;
    celui dont les GPU ne sont plus demandés s'en va, une fois les nouveaux prêts.

    Raises:
        InvalidRequest: option refusée, ou nombre de GPU qui ne convient pas.
        InvalidState: options changées sur un modèle chargé, ce qui demande un rechargement.
    """
    ordered = choices.ordered(spec, order)
    if current and ordered.options != choices.options:
        raise InvalidState(
            f"« {spec.key} » est chargé avec d'autres options ; déchargez-le pour les changer.",
            metadata={"field": "options", "model": spec.key},
        )
    if order.replicas is None and not order.gpus and len(current) == ordered.replicas:
        return Move(ordered, _demand(spec, artifacts, ordered, (), ()))
    ordered = _counted(ordered, spec, order)
    if order.gpus:
        kept = [one for one in current if set(one.gpus) <= set(order.gpus)]
    else:
        kept = list(current[: ordered.replicas])
    leaving = tuple(one for one in current if one not in kept)
    taken = {one.index for one in current}
    free = (index for index in range(len(current) + ordered.replicas) if index not in taken)
    indexes = tuple(index for _, index in zip(range(ordered.replicas - len(kept)), free, strict=False))
    held = tuple(gpu for one in kept for gpu in one.gpus)
    return Move(ordered, _demand(spec, artifacts, ordered, order.gpus, indexes, held), leaving)


def again(spec: ModelSpec, artifacts: Artifacts, choices: Choices, replicas: Sequence[Replica]) -> list[Demand]:
    """Reprendre les GPU d'exemplaires endormis, un par un."""
    return [_demand(spec, artifacts, choices, one.gpus, (one.index,)) for one in replicas]


def _counted(choices: Choices, spec: ModelSpec, order: LoadOrder) -> Choices:
    """Choix dont le nombre d'exemplaires suit les GPU demandés, quand l'ordre ne le dit pas."""
    per = gpus_per_replica(choices.spec(spec))
    if not order.gpus or not per:
        return choices
    if order.replicas is None:
        choices = replace(choices, replicas=max(1, len(order.gpus) // per))
    check_count(order.gpus, choices.replicas, per)
    return choices


def _demand(
    spec: ModelSpec,
    artifacts: Artifacts,
    choices: Choices,
    asked: Sequence[int],
    indexes: Sequence[int],
    kept: Sequence[int] = (),
) -> Demand:
    return Demand(
        spec=choices.spec(spec),
        weights_bytes=artifacts.total_bytes or artifacts.cached_bytes,
        indexes=tuple(indexes),
        asked=tuple(asked),
        preferred=choices.gpus,
        kept=kept,
    )
