"""Ce qui oriente la reconnaissance : un texte, des phrases et leur poids, les mêmes par toutes les portes."""

from passerelle.v1 import transcribe_pb2

from server.domain import Limits
from server.front.audio.form_fields import FormFields
from server.front.checks import check_range, refusal

_MAX_BOOST = 10.0


def read_hints(form: FormFields, config: transcribe_pb2.TranscribeConfig) -> None:
    """Prend d'un formulaire, ou de l'adresse, ce qui oriente la reconnaissance."""
    config.prompt = form.text("prompt")
    config.phrases.extend(value for _, value in form.many("phrases"))
    if (boost := form.number("phrase_boost")) is not None:
        config.phrase_boost = boost


def check_hints(config: transcribe_pb2.TranscribeConfig, limits: Limits) -> None:
    """Vérifie ces réglages ; les phrases y perdent leurs espaces d'autour.

    Raises:
        InvalidRequest: valeur hors limites, nommée.
    """
    most = limits.max_prompt_characters
    phrases = [phrase.strip() for phrase in config.phrases]
    if not all(phrases):
        raise refusal("phrases", "une phrase ne peut pas être vide", "")
    if len(phrases) > limits.max_phrases:
        raise refusal("phrases", f"{limits.max_phrases} au plus", len(phrases), limit=limits.max_phrases)
    for field, length in (("prompt", len(config.prompt)), ("phrases", sum(map(len, phrases)))):
        if length > most:
            raise refusal(field, f"{most} caractères au plus", length, limit=most)
    config.phrases[:] = phrases
    if config.HasField("phrase_boost"):
        check_range("phrase_boost", config.phrase_boost, 0.0, _MAX_BOOST)
        if not phrases:
            raise refusal("phrase_boost", "ce champ suppose phrases", config.phrase_boost)
