"""Un point de contrôle NeMo, une fois lu : ce que `server.engines.nemo.engine` attend de chaque famille de modèles."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from server.engines.base import LoadPhase, OnPhase, unheard
from server.engines.base_audio import Recognition, RecognitionOptions, Wave
from server.errors import ModelLoadFailed, UnsupportedOption

_MIN_SAMPLES = 16000
"""Une onde plus courte est complétée de silence, comme NeMo 3 le fait avant de transcrire."""


class NemoModel(Protocol):
    """Un modèle NeMo ouvert ; n'est appelé que du fil qui le possède, sauf `features` et `check`."""

    @property
    def features(self) -> frozenset[str]:
        """Options honorées."""

    @property
    def languages(self) -> Sequence[str]:
        """Langues qu'il veut qu'on lui dise ; vide s'il les reconnaît de lui-même."""

    def check(self, options: RecognitionOptions) -> None:
        """Refuse ce que ce modèle ne sait pas honorer.

        Raises:
            UnsupportedOption: option, nommée dans `metadata["field"]`.
        """

    def recognize(self, waves: Sequence[Wave], options: Sequence[RecognitionOptions]) -> list[Recognition]:
        """Transcrit un lot d'ondes de longueurs voisines, à une même température."""


def check_languages(options: RecognitionOptions, languages: Sequence[str], default: str) -> None:
    """Vérifie la langue parlée et celle d'arrivée.

    Raises:
        UnsupportedOption: langue à reconnaître, inconnue, ou paire que Canary n'a pas apprise.
    """
    known = ", ".join(sorted(languages))
    source = options.language or default
    if not source:
        raise UnsupportedOption(
            "language : ce modèle ne reconnaît pas la langue de lui-même, dites laquelle est parlée.",
            metadata={"field": "language", "value": "", "limit": known},
        )
    for field, value in (("language", source), ("target_language", options.target_language)):
        if value and value not in languages:
            raise UnsupportedOption(
                f"{field} : ce modèle ne connaît pas la langue « {value} » (langues : {known}).",
                metadata={"field": field, "value": value, "limit": known},
            )
    if options.target_language and "en" not in (source, options.target_language):
        raise UnsupportedOption(
            f"target_language : ce modèle traduit de l'anglais ou vers l'anglais, pas de « {source} » vers "
            f"« {options.target_language} ».",
            metadata={"field": "target_language", "value": options.target_language, "limit": "en"},
        )


def checkpoint_in(folder: Path, name: str) -> Path:
    """Point de contrôle à lire.

    Raises:
        ModelLoadFailed: absent, ou plusieurs sans que l'option `file` choisisse.
    """
    present = sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")) if folder.is_dir() else []
    found = [item for item in present if item.endswith(".nemo")]
    wanted = name or (found[0] if len(found) == 1 else "")
    if wanted in found:
        return folder / wanted
    if name:
        problem = f"options.file : « {name} » n'est pas dans le dossier du modèle"
    elif found:
        problem = "plusieurs fichiers .nemo : dites lequel par options.file"
    else:
        problem = "aucun fichier .nemo dans le dossier du modèle, ni de config.json (canary-qwen)"
    raise ModelLoadFailed(
        f"{problem} (présents : {', '.join(present) or 'aucun'}).",
        metadata={"field": "options.file", "value": name, "limit": ", ".join(found)},
    )


def restored(path: str, device: Any, on_phase: OnPhase = unheard) -> Any:
    """Modèle lu de son archive, sur son périphérique."""
    from nemo.collections.asr.models import ASRModel
    from nemo.core.connectors.save_restore_connector import SaveRestoreConnector

    class Told(SaveRestoreConnector):  # type: ignore[misc]
        """La lecture de NeMo, dont les étapes sont dites."""

        def _unpack_nemo_file(self, *arguments: Any, **named: Any) -> Any:
            on_phase(LoadPhase.EXTRACTING)
            found = super()._unpack_nemo_file(*arguments, **named)
            on_phase(LoadPhase.BUILDING)
            return found

        def _load_state_dict_from_disk(self, *arguments: Any, **named: Any) -> Any:
            on_phase(LoadPhase.LOADING_WEIGHTS)
            return super()._load_state_dict_from_disk(*arguments, **named)

    return ASRModel.restore_from(path, map_location=device, save_restore_connector=Told())


def lead(wave: Wave) -> int:
    """Échantillons de silence mis devant une onde trop courte, que NeMo 3 complète des deux côtés pour Canary."""
    return max(0, _MIN_SAMPLES - len(wave)) // 2


def padded(waves: Sequence[Wave], device: Any, *, centered: bool = False) -> tuple[Any, Any]:
    """Ondes complétées de silence jusqu'à la plus longue, et leurs longueurs ; `centered` : après `lead` de silence."""
    import torch

    lengths = [max(_MIN_SAMPLES, len(wave)) for wave in waves]
    batch = torch.zeros((len(waves), max(lengths)), dtype=torch.float32)
    for row, wave in zip(batch, waves, strict=True):
        start = lead(wave) if centered else 0
        row[start : start + len(wave)] = torch.from_numpy(wave if wave.flags.writeable else wave.copy())
    return batch.to(device), torch.tensor(lengths, device=device)


def features_of(
    model: Any, waves: Sequence[Wave], device: Any, dtype: Any, *, centered: bool = False
) -> tuple[Any, Any]:
    """Spectrogrammes d'un lot, calculés en flottants de 32 bits puis ramenés au type du modèle."""
    signal, lengths = padded(waves, device, centered=centered)
    spectra, sizes = model.preprocessor(input_signal=signal, length=lengths)
    return spectra.to(dtype), sizes


def prepare(model: Any, device: Any, dtype: Any) -> None:
    """Pose un modèle sur son périphérique, pour l'inférence ; le spectrogramme reste en flottants de 32 bits."""
    import torch

    model.to(device=device, dtype=dtype)
    model.preprocessor.to(dtype=torch.float32)
    model.eval()
    model.freeze()
    featurizer = getattr(model.preprocessor, "featurizer", None)
    # Comme le fait `transcribe` : ni bruit ajouté, ni trames de complément.
    for name, value in (("dither", 0.0), ("pad_to", 0)):
        if hasattr(featurizer, name):
            setattr(featurizer, name, value)
