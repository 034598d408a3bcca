"""Les images d'une requête : une bombe est refusée sur son en-tête, le message nommé, sans être décodée."""

import base64
import io
import struct
import time
import zlib
from typing import Any

import pytest
from PIL import Image

from server.domain import Limits
from server.engines.base import ChatKind
from server.errors import InvalidRequest
from server.front.chat.pictures import Picture, measure
from server.front.chat.request import check

LIMITS = Limits()
FORMATS: list[tuple[str, dict[str, Any]]] = [
    ("PNG", {}),
    ("JPEG", {}),
    ("JPEG", {"progressive": True, "exif": Image.Exif()}),
    ("GIF", {}),
    ("WEBP", {}),
    ("WEBP", {"lossless": True}),
]


def drawn(shape: str, size: tuple[int, int] = (37, 21), frames: int = 1, **options: Any) -> bytes:
    """Image de ce format, faite par Pillow."""
    images = [Image.new("RGB", size, (40 * i, 90, 120)) for i in range(frames)]
    out = io.BytesIO()
    more = {"save_all": True, "append_images": images[1:]} if frames > 1 else {}
    images[0].save(out, shape, **more, **options)
    return out.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, *more: bytes) -> bytes:
    """PNG dont l'en-tête annonce ces dimensions, et qui ne porte presque rien."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n" + header + b"".join(more) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")
    )


def gif(width: int, height: int, frames: int, block: bytes = b"\x02\x44\x01\x00") -> bytes:
    one = b"\x2c" + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02" + block
    return b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0, 0, 0) + one * frames + b"\x3b"


def sent(data: bytes, limits: Limits = LIMITS, mime: str = "image/png") -> None:
    """Conversation dont le deuxième message porte cette image."""
    url = f"data:{mime};base64,{base64.b64encode(data).decode()}"
    part = {"type": "image_url", "image_url": {"url": url}}
    check(
        ChatKind.CHAT,
        {"model": "q", "messages": [{"role": "user", "content": "Bonjour"}, {"role": "user", "content": [part]}]},
        limits,
    )


def refused(data: bytes, limits: Limits = LIMITS) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as caught:
        sent(data, limits)
    assert caught.value.metadata["field"] == "messages[1].content[0].image_url.url"
    return caught.value.metadata


@pytest.mark.parametrize(("shape", "options"), FORMATS)
def test_ordinary_images_pass_with_their_dimensions(shape: str, options: dict[str, Any]) -> None:
    data = drawn(shape, **options)
    assert measure(data, 100) == Picture(37, 21, 1)
    sent(data)


@pytest.mark.parametrize("shape", ["PNG", "GIF", "WEBP"])
def test_the_images_of_an_animation_are_counted(shape: str) -> None:
    data = drawn(shape, frames=5)
    assert measure(data, 100) == Picture(37, 21, 5)
    sent(data)
    assert refused(data, Limits(max_image_frames=4))["limit"] == "4"
    assert refused(data, Limits(max_image_pixels=37 * 21 * 5 - 1))["value"] == str(37 * 21 * 5)


@pytest.mark.parametrize(
    "bomb",
    [
        png(30_000, 30_000),
        png(4000, 4000, chunk(b"acTL", struct.pack(">II", 50, 0))),
        gif(30_000, 30_000, 1),
        gif(4000, 4000, 50),
        b"\xff\xd8" + b"\xff\xc0" + struct.pack(">HBHHB", 8, 8, 60_000, 60_000, 0) + b"\xff\xda\x00\x02\xff\xd9",
        # Le dernier en-tête est celui qu'un décodeur suit.
        b"\xff\xd8"
        + b"".join(b"\xff\xc0" + struct.pack(">HBHHB", 8, 8, side, side, 0) for side in (9, 60_000))
        + b"\xff\xda\x00\x02\xff\xd9",
        b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + b"\xff\x7f\x00\xff\x7f\x00",
    ],
)
def test_a_bomb_is_refused_by_its_pixels(bomb: bytes) -> None:
    found = refused(bomb)
    assert found["limit"] == str(LIMITS.max_image_pixels) and int(found["value"]) > LIMITS.max_image_pixels


def test_too_many_images_and_too_many_bytes_are_refused() -> None:
    assert refused(gif(1, 1, 100_000))["limit"] == "100"
    assert refused(png(1, 1, chunk(b"acTL", struct.pack(">II", 10**9, 0))))["limit"] == "100"
    assert refused(png(1, 1, chunk(b"zzZz", bytes(21 * 1024 * 1024))))["limit"] == str(20 * 1024 * 1024)
    assert refused(drawn("PNG"), Limits(max_image_bytes=50))["limit"] == "50"


@pytest.mark.parametrize(("shape", "options"), FORMATS)
def test_a_truncated_image_is_refused(shape: str, options: dict[str, Any]) -> None:
    data = drawn(shape, **options)
    for length in (0, 1, 3, 9, 12, 20, 26, len(data) // 2, len(data) - 3):
        refused(data[:length])


@pytest.mark.parametrize(
    "data",
    [
        b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>',
        b"BM" + bytes(60),
        b"II*\x00" + bytes(60),
        b"%PDF-1.7",
        png(0, 5),
        b"\x89PNG\r\n\x1a\n" + chunk(b"IEND", b""),
        png(1, 1, chunk(b"IHDR", struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0))),
        b"GIF89a" + bytes(7) + b"\x3b",
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8\xff\xe0\x00\x00",
        drawn("JPEG")[:-2] + b"\xff\xda\x00\x02" * 80 + b"\xff\xd9",
    ],
)
def test_what_is_no_whole_image_is_refused(data: bytes) -> None:
    assert "limit" not in refused(data)


def test_what_is_no_base64_is_refused() -> None:
    part = {"type": "image_url", "image_url": {"url": "data:image/png;base64,é***"}}
    with pytest.raises(InvalidRequest, match="base64"):
        check(ChatKind.CHAT, {"model": "q", "messages": [{"role": "user", "content": [part]}]}, LIMITS)


@pytest.mark.parametrize(
    "data",
    [
        gif(1, 1, 1, b"\x01\x00" * 9_000_000 + b"\x00"),
        png(1, 1, chunk(b"tEXt", b"") * 1_500_000),
        b"\xff\xd8" + b"\xff" * 18_000_000,
        b"\xff\xd8" + b"\xff\xe1\x00\x02" * 4_000_000,
        b"RIFF" + struct.pack("<I", 16_000_004) + b"WEBP" + b"ZZZZ\x00\x00\x00\x00" * 2_000_000,
    ],
)
def test_a_file_in_many_pieces_is_refused_at_once(data: bytes) -> None:
    begun = time.process_time()
    refused(data)
    assert time.process_time() - begun < 1.0
