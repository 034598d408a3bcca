"""Ce que les premiers octets, l'extension ou le type d'un fichier disent de lui : ce que le serveur lit et annonce."""

import re

CONTAINERS: tuple[tuple[bytes, str], ...] = (
    (rb"(?:RIFF|RF64|RIFX|BW64)....WAVE", "wav"),
    (rb"RIFF....AVI ", "avi"),
    (rb"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00", "w64"),
    (rb"FORM....AIF[FC]", "aiff"),
    (rb"caff\x00\x01", "caf"),
    (rb"\.snd", "au"),
    (rb"fLaC", "flac"),
    (rb"OggS", "ogg"),
    (rb"\x1a\x45\xdf\xa3", "matroska"),
    (rb"....(?:ftyp|moov|mdat|wide|free|skip|pnot)", "mov"),
    (rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c", "asf"),
    (rb"#!AMR", "amr"),
    (rb"\x00\x00\x01\xba", "mpeg"),
    (rb"FLV\x01", "flv"),
    (rb"wvpk", "wv"),
    (rb"TTA1", "tta"),
    (rb"MAC ", "ape"),
    (rb"Creative Voice File\x1a", "voc"),
)
"""Début de chaque conteneur, et son démultiplexeur ; `.` y vaut tout octet."""

FRAMES = rb"\xff[\xe0-\xff]|\x0b\x77|\x47(?:.{187}|.{191}|.{203})\x47"
"""Ce qu'on voit toujours au début d'un flux de trames (MPEG, ADTS, AC-3, MPEG-TS), et parfois ailleurs."""
SEARCHED = 64 * 1024
"""Octets où chercher la synchronisation d'un flux qui commence au milieu d'une trame."""

BLANKS = b"\0 \t\r\n"
"""Octets que l'on passe devant ce qui suit."""
FOREIGN: tuple[tuple[bytes, str], ...] = (
    (rb"\x1f\x8b", "une archive gzip"),
    (rb"PK\x03\x04", "une archive zip"),
    (rb"Rar!\x1a\x07", "une archive RAR"),
    (rb"7z\xbc\xaf\x27\x1c", "une archive 7z"),
    (rb"\xfd7zXZ", "une archive xz"),
    (rb"BZh[1-9]1AY", "une archive bzip2"),
    (rb"\x28\xb5\x2f\xfd", "une archive Zstandard"),
    (rb"\x7fELF", "un programme"),
    (rb"MZ", "un programme"),
    (rb"\x89PNG", "une image PNG"),
    (rb"\xff\xd8\xff", "une image JPEG"),
    (rb"GIF8", "une image GIF"),
    (rb"RIFF....WEBP", "une image WebP"),
    (rb"II\x2a\x00|MM\x00\x2a", "une image TIFF"),
    (rb"%PDF", "un document PDF"),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "un document bureautique"),
    (rb"SQLite format 3", "une base SQLite"),
    (rb"MThd", "une partition MIDI, qui n'a pas de son"),
    (rb"#EXTM3U", "une liste de lecture"),
    (rb"ffconcat", "une liste de lecture"),
    (rb"<", "un texte balisé"),
    (rb"\{", "un texte JSON"),
)
"""Débuts de ce qui n'est pas de l'audio, et ce que c'est."""

RAW_TYPES = {
    "g722": "G722", "gsm": "GSM", "pcmu": "MULAW", "basic": "MULAW", "mulaw": "MULAW", "pcma": "ALAW", "alaw": "ALAW",
}  # fmt: skip
"""Types (`audio/…`, `audio/x-…`) d'échantillons sans en-tête, et leur codage au contrat."""
RAW_EXTENSIONS = {
    "g722": "G722", "gsm": "GSM", "ul": "MULAW", "ulaw": "MULAW", "mulaw": "MULAW", "pcmu": "MULAW", "al": "ALAW",
    "alaw": "ALAW", "pcma": "ALAW", "sln": "PCM_S16LE",
}  # fmt: skip
"""Leurs extensions. Téléphonie : 8 kHz et un canal, sauf G.722."""


def known(patterns: tuple[tuple[bytes, str], ...]) -> tuple[tuple[re.Pattern[bytes], str], ...]:
    """Ces débuts, à chercher."""
    return tuple((re.compile(pattern, re.DOTALL), name) for pattern, name in patterns)
