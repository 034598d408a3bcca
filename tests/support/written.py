"""Des textes de toutes les écritures, coupés comme le vocabulaire de Whisper les coupe, et leurs mots."""

from dataclasses import dataclass
from types import SimpleNamespace

from server.engines.base_audio import RecognizedSegment
from server.engines.common.sentences import segments_of, timed_words
from server.engines.whisper.engine import segments_in

_STEP = 0.3
"""Durée d'un jeton, en secondes."""


@dataclass(frozen=True, slots=True)
class Written:
    """Texte, tel qu'un moteur le rend."""

    name: str
    tokens: tuple[str, ...]
    """Coupe de Whisper ; leur suite est le texte."""
    words: tuple[str, ...]
    """Mots attendus."""

    @property
    def text(self) -> str:
        """Texte entier."""
        return "".join(self.tokens).strip()

    def from_whisper(self) -> tuple[RecognizedSegment, ...]:
        """Ce que Whisper en rendrait."""
        words = [
            SimpleNamespace(word=token, start=rank * _STEP, end=(rank + 1) * _STEP, probability=0.5)
            for rank, token in enumerate(self.tokens)
        ]
        segment = SimpleNamespace(text="".join(self.tokens), words=words, avg_logprob=-0.1, no_speech_prob=0.25)
        return segments_in(segment, len(words) * _STEP)

    def from_nemo(self) -> tuple[RecognizedSegment, ...]:
        """Ce qu'un modèle NeMo en rendrait : des mots que séparent les espaces, dont un sur trois n'est pas aligné."""
        parts = self.text.split()
        dated = [
            (part, -1.0, -1.0) if rank % 3 == 1 else (part, rank * _STEP, (rank + 1) * _STEP)
            for rank, part in enumerate(parts)
        ]
        seconds = len(parts) * _STEP
        return segments_of(self.text, timed_words(dated, seconds), seconds)


def _written(name: str, tokens: str, words: str) -> Written:
    return Written(name, tuple(tokens.split("|")), tuple(words.split("|")))


WRITTEN = (
    _written(
        "traits d'union",
        " An| ill|-disposed,| twenty|-two|-year|-old| man| —| didn't| say| 'tis| \"so|-called\".",
        "An|ill-disposed,|twenty-two-year-old|man|—|didn't|say|'tis|\"so-called\".",
    ),
    _written(
        "élisions et nombres",
        " L|'eau,| aujourd|'hui,| va|-t|-il| l|'en| empêcher| ?| Peut|-être| :| 1| 000|,50| €,| 3|,14| %| et| 10h30.",
        "L'eau,|aujourd'hui,|va-t-il|l'en|empêcher|?|Peut-être|:|1|000,50|€,|3,14|%|et|10h30.",
    ),
    _written(
        "espaces insécables",
        " Prix| :| 1|\u202f000|,50|\u00a0€| —| «|\u00a0d|'accord|\u00a0»| à| 18|:45| !",
        "Prix|:|1\u202f000,50\u00a0€|—|«\u00a0d'accord\u00a0»|à|18:45|!",
    ),
    _written(
        "chinois",
        "我|用|i|Phone|拍|照，|花|了|3,|500|元。|很好！|“|你好”|再见。",
        "我|用|iPhone|拍|照，|花|了|3,500|元。|很好！|“你好”|再见。",
    ),
    _written(
        "japonais",
        "今日|はい|い|天|気|ですね。|「|東|京|タ|ワ|ー|」|へ|行|き|ましょう！",
        "今日|はい|い|天|気|ですね。|「東|京|タ|ワー」|へ|行|き|ましょう！",
    ),
    _written("coréen", " 안녕하세요,| 오늘은| 날씨가| 좋네요.", "안녕하세요,|오늘은|날씨가|좋네요."),
    _written("thaï", "ส|ว|ั|ส|ด|ี|คร|ั|บ| ว|ั|นน|ี้", "ส|วั|ส|ดี|ครั|บ|วั|นนี้"),
    _written("arabe", " مرحبا،| كيف| حالك؟| السعر| 1٬000٫50| ريال.", "مرحبا،|كيف|حالك؟|السعر|1٬000٫50|ريال."),
    _written("hébreu", ' שלום,| מה| שלומך?| צה|"ל| ב|-5| בבוקר.', 'שלום,|מה|שלומך?|צה"ל|ב-5|בבוקר.'),
    _written("hindi", " नमस्ते,| आप| कैसे| हैं?| यह| ठीक| है।", "नमस्ते,|आप|कैसे|हैं?|यह|ठीक|है।"),
    _written(
        "émojis et sigles",
        " Great| 👨‍👩‍👧| job|😀!| 🎉🎉| e|.g.| 3|.5|-inch| &| U|.S|.A.",
        "Great|👨‍👩‍👧|job😀!|🎉🎉|e.g.|3.5-inch|&|U.S.A.",
    ),
)
