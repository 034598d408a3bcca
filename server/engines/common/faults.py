"""Ce qu'un échec de torch dit du moteur : un lot perdu, ou un processus à remplacer.

Une erreur de CUDA autre que le manque de mémoire laisse le contexte inutilisable : tout appel suivant échouerait.
"""

import gc
import sys

from server.errors import EngineDead, EngineFailed, PasserelleError
from server.shortage import shortage

_MEMORY = ("out of memory", "cublas_status_alloc_failed", "cudnn_status_alloc_failed", "can't allocate memory")
_STICKY = (
    "cuda error",
    "device-side assert",
    "cublas_status_execution_failed",
    "cublas_status_internal_error",
    "cublas_status_not_initialized",
    "cudnn_status_execution_failed",
    "cudnn_status_internal_error",
    "cudnn_status_not_initialized",
    "unspecified launch failure",
)


def is_memory_error(error: BaseException) -> bool:
    """Vrai si la mémoire, du GPU ou de la machine, a manqué."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(mark in str(error).lower() for mark in _MEMORY)


def fault_of(error: Exception) -> Exception:
    """Erreur d'un moteur qui dit la même chose ; celles de Passerelle passent telles quelles."""
    if isinstance(error, PasserelleError | EngineDead):
        return error
    if isinstance(error, OSError) and (short := shortage(error)) is not None:
        return short
    if is_memory_error(error):
        return EngineFailed(
            "La mémoire n'a pas suffi à ce lot ; réessayez, ou réduisez la taille des lots dans les options du modèle.",
            metadata={"error": type(error).__name__},
        )
    if isinstance(error, RuntimeError) and any(mark in str(error).lower() for mark in _STICKY):
        return EngineDead(f"CUDA ne répond plus : {error}")
    return EngineFailed("Le moteur a raté ce lot.", metadata={"error": type(error).__name__})


def release_memory() -> None:
    """Rend au GPU la mémoire que torch garde en réserve ; sans torch chargé, ne fait rien."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
