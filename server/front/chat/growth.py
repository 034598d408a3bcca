"""Ce qu'une grammaire devient une fois déroulée, calculé sans rien dérouler."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field

CEILING = 1 << 62
"""Au-delà, un compte n'est plus tenu."""


@dataclass(slots=True)
class Part:
    """Morceau nommé d'une grammaire : une règle, ou ce que désigne un `$ref`."""

    repetitions: int = 1
    """Plus grand produit de répétitions imbriquées."""
    nodes: int = 1
    """Nœuds, une fois les répétitions déroulées."""
    calls: list[tuple[Hashable, int]] = field(default_factory=list)
    """Morceaux nommés, chacun avec les répétitions qui entourent son nom."""


def unrolled(parts: Mapping[Hashable, Part], roots: Iterable[Hashable]) -> Part:
    """Le plus grand produit et la somme des nœuds de `roots`, noms suivis.

    Un nom qui ramène à un morceau en cours (récursion) ne compte que lui-même.
    """
    done: dict[Hashable, Part] = {}
    opened: set[Hashable] = set()
    whole = Part(nodes=0)
    for root in roots:
        # Sans récursion : une chaîne de noms peut être longue.
        stack = [root]
        while stack:
            key = stack[-1]
            if key in done or key not in parts:
                stack.pop()
                continue
            if key not in opened:
                opened.add(key)
                stack += [name for name, _ in parts[key].calls if name not in opened]
                continue
            stack.pop()
            done[key] = _total(parts[key], done)
        if root in done:
            whole.repetitions = max(whole.repetitions, done[root].repetitions)
            whole.nodes = min(CEILING, whole.nodes + done[root].nodes)
    return whole


def _total(part: Part, done: Mapping[Hashable, Part]) -> Part:
    total = Part(part.repetitions, part.nodes)
    for name, factor in part.calls:
        inner = done.get(name)
        if inner is not None:
            total.repetitions = min(CEILING, max(total.repetitions, factor * inner.repetitions))
            total.nodes = min(CEILING, total.nodes + factor * inner.nodes)
    return total
