"""Images for the tests, made by Pillow or by hand: honest ones, and such as somebody hostile would make."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import Any

from PIL import Image, ImageCms

JPEG, PNG, WEBP = "image/jpeg", "image/png", "image/webp"
TYPES = {"JPEG": JPEG, "PNG": PNG, "WEBP": WEBP}
CORNERS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    made = io.BytesIO()
    image.save(made, kind, **options)
    return made.getvalue()


def corners(width: int = 800, height: int = 600) -> Image.Image:
    """Red, green, blue and white: upper left, upper right, lower left, lower right."""
    image = Image.new("RGB", (width, height))
    half = (width // 2, height // 2)
    for n, colour in enumerate(CORNERS.values()):
        image.paste(colour, (half[0] * (n % 2), half[1] * (n // 2), half[0] * (n % 2 + 1), half[1] * (n // 2 + 1)))
    return image


def colours_of(image: Image.Image) -> list[str]:
    """Which colour each quarter of an image has, in the order of `corners`."""
    small = image.convert("RGB")
    found = []
    for n in range(4):
        at = small.getpixel((small.width * (1 + 2 * (n % 2)) // 4, small.height * (1 + 2 * (n // 2)) // 4))
        assert isinstance(at, tuple)
        nearest = {name: sum((a - b) ** 2 for a, b in zip(at, colour, strict=True)) for name, colour in CORNERS.items()}
        best = min(nearest, key=lambda name: nearest[name])
        assert nearest[best] < 3 * 40**2, f"{at} is none of the colours"
        found.append(best)
    return found


def exif(orientation: int = 1) -> bytes:
    """An EXIF block with a place, a camera, a name and an orientation."""
    block = Image.Exif()
    block[0x010F] = "SecretCamera"
    block[0x013B] = "SecretArtist"
    block.get_ifd(0x8825).update({1: "N", 2: (47.0, 22.0, 33.0), 3: "E", 4: (8.0, 32.0, 29.0)})
    data = block.tobytes()
    # By hand, because Pillow would not write a wrong one.
    head, body = data[:6], data[6:]
    assert body[:2] in (b"II", b"MM")
    order = "<" if body[:2] == b"II" else ">"
    at = struct.unpack(order + "I", body[4:8])[0]
    count = struct.unpack(order + "H", body[at : at + 2])[0]
    entries = [body[at + 2 + 12 * n : at + 14 + 12 * n] for n in range(count)]
    entries.append(struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0))
    entries.sort(key=lambda one: struct.unpack(order + "H", one[:2])[0])
    # A new first directory at the end; the offsets in its entries are from the start, so they stay right.
    new = struct.pack(order + "H", len(entries)) + b"".join(entries) + b"\0\0\0\0"
    return head + body[:4] + struct.pack(order + "I", len(body)) + body[8:] + new


XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>SecretXmp</x:xmpmeta>"


def segment(marker: int, content: bytes) -> bytes:
    """A segment of a JPEG."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def with_segments(jpeg: bytes, *segments: bytes) -> bytes:
    assert jpeg[:2] == b"\xff\xd8"
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def chunk(kind: bytes, content: bytes) -> bytes:
    """A part of a PNG, with its sum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def with_chunks(png: bytes, *chunks: bytes) -> bytes:
    """A PNG with these parts behind its head."""
    return png[:33] + b"".join(chunks) + png[33:]


def png(width: int, height: int, *, depth: int = 8, colour: int = 2, pixels: bytes = b"\0") -> bytes:
    """A PNG that says that it is this large; `pixels` are compressed."""
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = [chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(pixels, 9)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def huge_webp(width: int, height: int) -> bytes:
    """A WebP that says that it is this large, by its extended head."""
    data = saved(Image.new("RGBA", (8, 8)), "WEBP")
    assert data[12:16] == b"VP8X"
    return data[:24] + struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3] + data[30:]


def huge_jpeg(width: int, height: int) -> bytes:
    """A JPEG that says that it is this large."""
    data = saved(Image.new("RGB", (16, 16)), "JPEG")
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


def many_scans(times: int) -> bytes:
    """A progressive JPEG whose last pass comes again and again."""
    data = saved(corners(1600, 1200), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + (data[last:-2] * times) + b"\xff\xd9"


def zip_file() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", "Main-Class: Evil\n")
        archive.writestr("Evil.class", b"\xca\xfe\xba\xbe")
    return made.getvalue()


def swapped_profile() -> bytes:
    """An honest profile of somebody whose red is our blue, and the other way round."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    head, tags, rest = data[:132], data[132 : 132 + 12 * data[131]], data[132 + 12 * data[131] :]
    for mine, other in ((b"rXYZ", b"????"), (b"bXYZ", b"rXYZ"), (b"????", b"bXYZ")):
        assert tags.count(mine) == 1
        tags = tags.replace(mine, other)
    return head + tags + rest
