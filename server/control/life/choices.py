"""Ce que l'exploitant a choisi pour un modèle, retenu d'un démarrage à l'autre ; le profil en donne le début."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from server.control.gpu.needs import check_options
from server.control.record.journal import Journal
from server.domain import ModelSpec
from server.errors import InvalidRequest


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
