"""Les GPU permis : `CUDA_VISIBLE_DEVICES` et `PASSERELLE_GPUS`, lues contre les GPU de la machine.

Une liste nomme des GPU par leur numéro (celui de `nvidia-smi`), leur UUID ou le début d'un UUID ; vide ou `-1`, aucun.
Sans liste, toute la machine. Une liste qui ne se lit pas en entier ne donne rien : jamais toute la machine à sa place.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from server.errors import NoGpuVisible

_SHOWN = 80
"""Caractères d'une entrée refusée que le message montre."""


@dataclass(frozen=True, slots=True)
class GpuDevice:
    """GPU que le pilote annonce."""

    index: int
    """Numéro physique : celui de NVML, dans l'ordre du bus PCI."""
    uuid: str
    """Identifiant permanent ; vide si le GPU ne répond pas."""
    name: str = ""
    mig: bool = False
    """Vrai s'il est découpé en partitions MIG."""


@dataclass(frozen=True, slots=True)
class AllowedGpus:
    """Ce que ce serveur a le droit d'employer."""

    physical: Mapping[int, int] = field(default_factory=dict)
    """Numéro physique de chaque position ; partout ailleurs, un GPU est nommé par sa position."""
    reason: str = ""
    """Pourquoi un GPU, ou tous, manquent ; vide s'il n'y a rien à en dire."""
    refused: bool = False
    """Vrai si une liste a été refusée : plus aucun GPU n'est permis."""

    def physical_of(self, gpus: Sequence[int]) -> tuple[int, ...]:
        """Numéros physiques de ces positions, pour CUDA.

        Raises:
            NoGpuVisible: l'une d'elles n'est pas permise.
        """
        for gpu in gpus:
            if gpu not in self.physical:
                raise NoGpuVisible(f"Le GPU {gpu} n'est plus visible.", metadata={"gpu": str(gpu)})
        return tuple(self.physical[gpu] for gpu in gpus)


class _Refused(Exception):
    """Liste refusée, et pourquoi."""


def allowed_gpus(devices: Sequence[GpuDevice], lists: Mapping[str, str]) -> AllowedGpus:
    """GPU permis sur cette machine.

    Args:
        devices: tous les GPU de la machine, par numéro.
        lists: listes données, par variable ; la seconde restreint la première, et donne l'ordre.
    """
    if not devices:
        return AllowedGpus()
    if not lists:
        cut = [device.index for device in devices if device.mig]
        whole = {device.index: device.index for device in devices if not device.mig}
        return AllowedGpus(whole, f"{_said(cut)} en mode MIG, que Passerelle n'emploie pas." if cut else "")
    try:
        chosen: list[GpuDevice] | None = None
        for variable, text in lists.items():
            outer, chosen = chosen, _listed(devices, variable, text)
            if outer is not None:
                _check_within(outer, chosen, variable)
    except _Refused as error:
        return AllowedGpus({}, str(error), refused=True)
    physical = {position: device.index for position, device in enumerate(chosen or ())}
    return AllowedGpus(physical, "" if physical else f"{variable} ne laisse aucun GPU à ce serveur.")


def _listed(devices: Sequence[GpuDevice], variable: str, text: str) -> list[GpuDevice]:
    if text.strip() in ("", "-1"):
        return []
    found: list[GpuDevice] = []
    for entry in map(str.strip, text.split(",")):
        device, shown = _device(devices, variable, entry), entry[:_SHOWN]
        if device.mig:
            raise _Refused(f"{variable} : « {shown} » est un GPU en mode MIG, que Passerelle n'emploie pas.")
        if device in found:
            raise _Refused(f"{variable} : « {shown} » nomme une seconde fois le GPU {device.index} ({device.uuid}).")
        found.append(device)
    return found


def _device(devices: Sequence[GpuDevice], variable: str, entry: str) -> GpuDevice:
    shown = entry[:_SHOWN]
    if entry.startswith("MIG-"):
        raise _Refused(f"{variable} : « {shown} » est une partition MIG, que Passerelle n'emploie pas.")
    found = [device for device in devices if entry and entry in (str(device.index), device.uuid)]
    if not found and entry.startswith("GPU-") and entry != "GPU-":
        found = [device for device in devices if device.uuid.startswith(entry)]
    if len(found) > 1:
        both = ", ".join(device.uuid for device in found)
        raise _Refused(f"{variable} : « {shown} » est le début de plusieurs UUID ({both}).")
    if not found:
        known = ", ".join(f"{device.index} ({device.uuid or 'illisible'})" for device in devices)
        raise _Refused(f"{variable} : « {shown} » n'est aucun GPU de cette machine ; elle a {known}.")
    return found[0]


def _check_within(outer: Sequence[GpuDevice], chosen: Sequence[GpuDevice], variable: str) -> None:
    for device in chosen:
        if device not in outer:
            limit = ", ".join(str(one.index) for one in outer) or "aucun"
            raise _Refused(
                f"{variable} : le GPU {device.index} ({device.uuid}) n'est pas parmi ceux que donne "
                f"CUDA_VISIBLE_DEVICES (GPU {limit})."
            )


def _said(indexes: Sequence[int]) -> str:
    names = ", ".join(map(str, indexes))
    return f"Les GPU {names} sont" if len(indexes) > 1 else f"Le GPU {names} est"
