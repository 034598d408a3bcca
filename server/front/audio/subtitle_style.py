"""Les réglages des sous-titres, d'où qu'ils viennent : un message typé, un formulaire, une adresse."""

from passerelle.v1 import transcribe_pb2

from server.formats.form import SubtitleStyle
from server.front.audio.form_fields import FormFields
from server.front.checks import check_range, refusal

_FIELD = "subtitles"
_BOUNDS: dict[str, tuple[float, float]] = {
    "max_line_length": (10, 200),
    "max_lines": (1, 4),
    "max_characters_per_second": (5, 100),
    "min_seconds": (0, 5),
    "max_seconds": (1, 60),
    "min_gap_seconds": (0, 2),
}
"""Ce qu'un réglage peut valoir ; le défaut est celui de `SubtitleStyle`."""


def style_of(asked: transcribe_pb2.SubtitleStyle) -> SubtitleStyle:
    """Réglages d'un message.

    Raises:
        InvalidRequest: valeur hors limites, nommée.
    """
    given = {field.name: value for field, value in asked.ListFields()}
    for name, value in given.items():
        check_range(f"{_FIELD}.{name}", value, *_BOUNDS[name])
    style = SubtitleStyle(**given)
    if style.min_seconds > style.max_seconds:
        limit = style.max_seconds
        raise refusal(
            f"{_FIELD}.min_seconds", "la valeur doit être au plus max_seconds", style.min_seconds, limit=limit
        )
    return style


def style_in(form: FormFields, *, used: bool) -> SubtitleStyle:
    """Réglages d'un formulaire, qui l'emportent sur ceux de l'adresse.

    Args:
        used: vrai si la forme demandée est de sous-titres.

    Raises:
        InvalidRequest: champ inconnu, de mauvaise forme, hors limites, ou qui ne servirait à rien.
    """
    asked = transcribe_pb2.SubtitleStyle()
    if isinstance(told := form.in_query(_FIELD), transcribe_pb2.SubtitleStyle):
        asked.CopyFrom(told)
    for name, value in form.table(_FIELD).items():
        if name not in _BOUNDS:
            known = ", ".join(_BOUNDS)
            raise refusal(f"{_FIELD}.{name}", f"un de ces réglages est attendu : {known}", value, limit=known)
        kind = type(getattr(SubtitleStyle(), name))
        try:
            setattr(asked, name, kind(value))
        except ValueError:
            wanted = "un entier positif est attendu" if kind is int else "un nombre est attendu"
            raise refusal(f"{_FIELD}.{name}", wanted, value) from None
    if asked.ListFields() and not used:
        raise refusal(_FIELD, "ces réglages supposent response_format=srt ou vtt", asked.ListFields()[0][0].name)
    return style_of(asked)
