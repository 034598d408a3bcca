"""Ce qu'il faut pour qu'un modèle puisse se charger ; sinon, pourquoi il ne le peut pas."""

from collections.abc import Collection, Sequence

from server.domain import ModelSpec
from server.errors import InvalidRequest, ModelNotDownloaded, NoGpuVisible


def check_loadable(
    spec: ModelSpec, gpus: Sequence[int], *, visible_gpus: Collection[int], why_none: str = "", complete: bool
) -> None:
    """Refuse un chargement qui ne peut pas aboutir, avant de rien lancer.

    Args:
        gpus: numéros demandés ; vide pour ceux du profil.
        why_none: pourquoi aucun GPU n'est visible, si on le sait.
        complete: les poids sont entiers dans le cache.

    Raises:
        NoGpuVisible: le modèle exige un GPU, aucun n'est visible.
        InvalidRequest: GPU inconnu, ou nommé deux fois.
        ModelNotDownloaded: poids absents, et le profil ne les télécharge pas de lui-même.
    """
    if spec.requires_gpu and not visible_gpus:
        advice = "Vérifiez le pilote NVIDIA et l'accès du conteneur aux GPU, ou lancez le profil « embarque »."
        raise NoGpuVisible(
            f"Aucun GPU visible : « {spec.key} » n'est servi que sur GPU dans ce profil. {why_none or advice}",
            metadata={"model": spec.key},
        )
    if gpus and not spec.requires_gpu:
        raise InvalidRequest(
            f"gpus : « {spec.key} » tourne sur le processeur dans ce profil.",
            metadata={"field": "gpus", "value": str(list(gpus))},
        )
    if any(gpu not in visible_gpus for gpu in gpus) or len(set(gpus)) != len(gpus):
        known = ", ".join(map(str, sorted(visible_gpus))) or "aucun"
        raise InvalidRequest(
            f"gpus : {list(gpus)} ne convient pas ; GPU visibles : {known}, chacun nommé une fois au plus.",
            metadata={"field": "gpus", "limit": known, "value": str(list(gpus))},
        )
    if not complete and not spec.auto_download:
        raise ModelNotDownloaded(
            f"Les poids de « {spec.key} » ne sont pas dans le cache : demandez d'abord leur téléchargement "
            f"(POST /api/admin/models/{spec.key}/download).",
            metadata={"model": spec.key},
        )
