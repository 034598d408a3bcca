"""Ce qu'une génération consommera, prévu avant de la mener : un front n'a pas le vocabulaire du modèle."""

import re

from server.front.chat.request import OpenAiRequest

_BYTES_PER_TOKEN = 4
_PICTURE = re.compile(rb'base64,[^"]*')
_PICTURE_TOKENS = 1024


def expected(request: OpenAiRequest, payload: bytes, context_tokens: int) -> tuple[int, int | None]:
    """Jetons du texte de départ, à quatre octets l'un, et de la réponse au plus, si la requête le dit."""
    size, pictures = len(payload), 0
    if any(feature == "images" for feature, _ in request.needs):
        found = _PICTURE.findall(payload)
        size -= sum(map(len, found))
        pictures = len(found)
    prompt, answer = size // _BYTES_PER_TOKEN + pictures * _PICTURE_TOKENS, request.answer
    if context_tokens:
        # Plus long, le moteur le refuse.
        prompt = min(prompt, context_tokens * request.prompts)
        answer = None if answer is None else min(answer, context_tokens * request.prompts * request.choices)
    return prompt, answer
