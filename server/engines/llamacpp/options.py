"""Les options de llama.cpp dans un profil."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class LlamaCppSettings:
    """Options du profil."""

    file: str = "model.gguf"
    """Nom du fichier GGUF dans le dossier du modèle."""
    parallel: int = field(default=4, metadata={"minimum": 1})
    """Requêtes menées de front."""
    context_tokens_per_request: int = field(default=4096, metadata={"minimum": 1})
    """Jetons de contexte de chacune."""
    prompt_cache_mib: int = field(default=256, metadata={"minimum": 0})
    """Mémoire gardée pour reprendre le début d'une conversation ; llama.cpp en prendrait 8 Gio. 0 : rien."""
    batch_tokens: int = field(default=64, metadata={"minimum": 1})
    """Jetons calculés d'un trait : ce qu'un abandon peut encore coûter, et ce que les autres requêtes attendent."""
    tool_calls: int = field(default=8, metadata={"minimum": 1})
    """Appels d'outils d'une réponse, au plus, quand `parallel_tool_calls` en demande plusieurs."""
