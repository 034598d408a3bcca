"""Ce qui oriente la reconnaissance, à refuser par son nom si le moteur ne sait pas l'honorer."""

from server.engines.base_audio import RecognitionOptions


def hints_in(options: RecognitionOptions) -> dict[str, str]:
    """Valeur de chaque champ demandé, vide s'il ne l'est pas."""
    boost = options.phrase_boost
    return {
        "prompt": options.prompt,
        "phrases": ", ".join(options.phrases),
        "phrase_boost": "" if boost is None else f"{boost:g}",
    }
