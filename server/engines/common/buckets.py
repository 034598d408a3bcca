"""Des lots de longueurs voisines : compléter une fenêtre jusqu'à la plus longue de son lot se calcule pour rien."""

from collections.abc import Sequence


def bucketed(lengths: Sequence[int], max_padding: float) -> list[list[int]]:
    """Répartit des fenêtres en lots, des plus longues aux plus courtes ; rend leurs rangs.

    Args:
        max_padding: part d'un lot, de 0 à 1, qui peut n'être que complément.
    """
    order = sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True)
    buckets: list[list[int]] = []
    longest = total = 0
    for index in order:
        length = lengths[index]
        if buckets:
            area = longest * (len(buckets[-1]) + 1)
            if area == 0 or (area - total - length) / area <= max_padding:
                buckets[-1].append(index)
                total += length
                continue
        buckets.append([index])
        longest = total = length
    return buckets


def padding(lengths: Sequence[int]) -> float:
    """Part d'un lot de ces longueurs qui n'est que complément, de 0 à 1."""
    area = max(lengths, default=0) * len(lengths)
    return (area - sum(lengths)) / area if area else 0.0
