"""MakeThumbnails: what becomes of honest pictures, and of such as somebody hostile would upload."""

from __future__ import annotations

import hashlib
import io
import json
import random
import re
import subprocess
import sys
import time
import uuid
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image, ImageChops

from tests.evidence import shows
from tests.handlers.blog_async import pictures
from tests.handlers.blog_async.conftest import HANDLERS, Context, World, deploy, statement
from tests.handlers.blog_async.gate import answers, cut_before, first, let_through, lose_answer
from tests.handlers.blog_async.pictures import JPEG, PNG, TYPES, WEBP, colours_of, corners, exif, saved
from tests.sampling import sampled

pytestmark = sampled(3)

NOISE = random.Random(7).randbytes(4096)  # noqa: S311 - the same at each run
FOREVER = "public, max-age=31536000, immutable"


def event_of(world: World, key: str, bucket: str | None = None) -> dict[str, Any]:
    """What EventBridge sends of a new object; another test compares it with the emulator's."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Object Created",
        "source": "aws.s3",
        "detail": {
            "version": "0",
            "bucket": {"name": bucket or world.uploads},
            "object": {"key": key, "size": 1, "etag": "e", "sequencer": "1"},
            "reason": "PutObject",
        },
    }


def put(world: World, data: bytes, content_type: str, digest: str = "") -> str:
    """Upload, as the presigned form lets an author do it; gives the name, which is the content's SHA-256."""
    digest = digest or hashlib.sha256(data).hexdigest()
    s3 = world.stock.client("s3")
    s3.put_object(Bucket=world.uploads, Key=f"incoming/{digest}", Body=data, ContentType=content_type)
    return digest


def invoke(world: World, digest: str) -> dict[str, Any]:
    answer: dict[str, Any] = world.invoke("make_thumbnails", event_of(world, f"incoming/{digest}"))
    return answer


def keys(world: World, bucket: str, prefix: str) -> set[str]:
    listed = world.stock.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    return {one["Key"].removeprefix(prefix) for one in listed}


def read(world: World, bucket: str, key: str) -> bytes:
    data: bytes = world.stock.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return data


def made(world: World, digest: str) -> tuple[dict[str, Any], dict[str, Image.Image]]:
    """picture.json, and the thumbnails by file name; they are whole, and there is nothing else."""
    about = json.loads(read(world, world.media, f"media/{digest}/picture.json"))
    names = {f"{width}.{kind}" for width in about["widths"] for kind in ("webp", "jpg")}
    assert keys(world, world.media, f"media/{digest}/") == names | {"picture.json"}
    images = {}
    for name in names:
        image = Image.open(io.BytesIO(read(world, world.media, f"media/{digest}/{name}")))
        image.load()
        assert image.format == {"webp": "WEBP", "jpg": "JPEG"}[name.partition(".")[2]]
        images[name] = image
    return about, images


def thumbnails(world: World, data: bytes, content_type: str) -> tuple[dict[str, Any], dict[str, Image.Image]]:
    """What becomes of a picture that is taken."""
    digest = put(world, data, content_type)
    assert invoke(world, digest) == {"outcome": "made", "picture": digest[:12]}
    assert keys(world, world.uploads, f"incoming/{digest}") == {""}, "the original stays"
    assert keys(world, world.uploads, f"rejected/{digest}") == set()
    return made(world, digest)


def reason(world: World, data: bytes, content_type: str, digest: str = "") -> str:
    """Why a file is not taken: said in words, the file is gone, and there is no thumbnail."""
    digest = put(world, data, content_type, digest)
    answer = invoke(world, digest)
    assert answer["outcome"] == "rejected"
    said = json.loads(read(world, world.uploads, f"rejected/{digest}.json"))
    assert said == {"reason": answer["reason"]}
    assert re.fullmatch(r"The (file|image) [^\n\x00-\x1f]{5,150}\.", said["reason"])
    assert keys(world, world.uploads, "incoming/") & {digest} == set()
    assert keys(world, world.media, f"media/{digest}") == set()
    # The same event once more, as EventBridge may send it.
    assert invoke(world, digest)["outcome"] == "gone"
    return str(said["reason"])


# --- honest pictures


@shows("REQ-B6", how="stock")
@pytest.mark.parametrize("kind", TYPES)
def test_several_sizes_as_webp_and_jpeg(world: World, kind: str) -> None:
    about, images = thumbnails(world, saved(corners(1600, 1200), kind), TYPES[kind])
    assert about == {"widths": [320, 640, 1280], "width": 1600, "height": 1200}
    assert {name: image.size for name, image in images.items()} == {
        f"{width}.{ending}": (width, width * 3 // 4) for width in (320, 640, 1280) for ending in ("webp", "jpg")
    }
    for image in images.values():
        assert colours_of(image) == ["red", "green", "blue", "white"]


@pytest.mark.parametrize(
    ("size", "widths", "smallest"),
    [
        ((1, 1), [320], (1, 1)),
        ((200, 100), [320], (200, 100)),
        ((319, 500), [320], (319, 500)),
        ((320, 32), [320], (320, 32)),
        ((500, 5000), [320], (320, 3200)),
        ((640, 480), [320, 640], (320, 240)),
        ((1279, 1), None, (0, 0)),
        ((1280, 128), [320, 640, 1280], (320, 32)),
    ],
)
def test_no_thumbnail_is_larger_than_the_picture(
    world: World, size: tuple[int, int], widths: list[int] | None, smallest: tuple[int, int]
) -> None:
    data = saved(Image.new("RGB", size, "red"), "PNG")
    if widths is None:
        assert "more than 10 times" in reason(world, data, PNG)
        return
    about, images = thumbnails(world, data, PNG)
    assert about == {"widths": widths, "width": size[0], "height": size[1]}
    assert {images["320.webp"].size, images["320.jpg"].size} == {smallest}


@shows("REQ-B6", how="stock")
@pytest.mark.parametrize("kind", TYPES)
def test_nothing_that_tells_of_place_person_or_camera_remains(world: World, kind: str) -> None:
    data = saved(corners(), kind, exif=exif(1), **({"xmp": pictures.XMP} if kind != "PNG" else {}))
    if kind == "JPEG":
        iptc = pictures.segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x10\x1c\x02\x50\0\x0bSecretIptc!")
        data = pictures.with_segments(data, iptc, pictures.segment(0xFE, b"SecretComment"))
    if kind == "PNG":
        text = [
            pictures.chunk(b"tEXt", b"Author\0SecretText"),
            pictures.chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0X"),
        ]
        data = pictures.with_chunks(data, *text)
    assert b"Secret" in data
    digest = put(world, data, TYPES[kind])
    assert invoke(world, digest)["outcome"] == "made"
    _, images = made(world, digest)
    for name, image in images.items():
        raw = read(world, world.media, f"media/{digest}/{name}")
        for secret in (b"Secret", b"Exif", b"http://ns.adobe.com", b"xmpmeta", b"8BIM", b"Photoshop", b"ICC", b"GPS"):
            assert secret not in raw, name
        assert dict(image.getexif()) == {}
        kept = {"jfif", "jfif_version", "jfif_unit", "jfif_density", "progressive", "progression"}
        assert set(image.info) <= kept | {"loop", "background", "timestamp", "duration"}, name


@shows("REQ-B6", how="stock")
@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("orientation", range(10))
def test_the_picture_is_upright(world: World, kind: str, orientation: int) -> None:
    """EXIF knows 1 to 8; 0 and 9, which cameras and attackers write too, mean nothing."""
    stored = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,  # turned by 270 degrees it is upright
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    upright = corners(800, 600)
    image = upright.transpose(stored[orientation]) if orientation in stored else upright
    data = saved(image, kind, exif=exif(orientation))
    about, images = thumbnails(world, data, TYPES[kind])
    assert about == {"widths": [320, 640], "width": 800, "height": 600}
    for name, thumbnail in images.items():
        assert colours_of(thumbnail) == ["red", "green", "blue", "white"], name
    assert images["640.jpg"].size == (640, 480)


def test_exif_behind_the_pixels_of_a_png(world: World) -> None:
    data = saved(corners(800, 600).transpose(Image.Transpose.ROTATE_90), "PNG")
    end = data.rindex(b"IEND") - 4
    data = data[:end] + pictures.chunk(b"eXIf", exif(6)[6:]) + data[end:]
    about, images = thumbnails(world, data, PNG)
    assert (about["width"], about["height"]) == (800, 600)
    assert colours_of(images["320.jpg"]) == ["red", "green", "blue", "white"]


MODES: dict[str, tuple[Callable[[], Image.Image], str, dict[str, Any]]] = {
    "CMYK JPEG": (lambda: corners().convert("CMYK"), "JPEG", {}),
    "progressive": (corners, "JPEG", {"progressive": True}),
    "palette": (lambda: corners().quantize(8), "PNG", {}),
    "lossless": (corners, "WEBP", {"lossless": True}),
    "interlaced": (corners, "PNG", {}),
}


@pytest.mark.parametrize(("image", "kind", "options"), MODES.values(), ids=MODES)
def test_colours_stay(world: World, image: Any, kind: str, options: dict[str, Any]) -> None:
    _, images = thumbnails(world, saved(image(), kind, **options), TYPES[kind])
    for thumbnail in images.values():
        assert colours_of(thumbnail) == ["red", "green", "blue", "white"]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "I;16"])
def test_grey_stays_grey(world: World, mode: str) -> None:
    """Half dark, half bright; 16 bits of grey too, where Pillow's plain conversion makes all but black white."""
    if mode == "I;16":
        row = (0x4000).to_bytes(2, "little") * 350 + (0xC000).to_bytes(2, "little") * 350
        image, dark, bright = Image.frombytes(mode, (700, 500), row * 500), 0x40, 0xC0
    else:
        image = Image.new("L", (700, 500), 0)
        image.paste(255, (350, 0, 700, 500))
        image, dark, bright = image.convert(mode), 0, 255
    _, images = thumbnails(world, saved(image, "PNG"), PNG)
    for thumbnail in images.values():
        grey = thumbnail.convert("L")
        left, right = grey.getpixel((grey.width // 4, 5)), grey.getpixel((grey.width * 3 // 4, 5))
        assert isinstance(left, int)
        assert isinstance(right, int)
        assert abs(left - dark) <= 4
        assert abs(right - bright) <= 4


@shows("REQ-B6", how="stock")
@pytest.mark.parametrize("how", ["RGBA", "palette", "colour key", "webp", "LA"])
def test_transparency_stays_in_webp_and_is_white_in_jpeg(world: World, how: str) -> None:
    image = Image.new("RGBA", (700, 500), (0, 0, 0, 0))
    image.paste((255, 0, 0, 255), (0, 0, 350, 500))
    kind, options = "PNG", {}
    red = "red"
    if how == "palette":
        image = Image.new("P", (700, 500), 0)
        image.putpalette([0, 0, 0, 255, 0, 0])
        image.paste(1, (0, 0, 350, 500))
        options = {"transparency": 0}
    elif how == "colour key":
        image = image.convert("RGB")
        options = {"transparency": (0, 0, 0)}
    elif how == "webp":
        kind = "WEBP"
    elif how == "LA":
        image = Image.new("LA", (700, 500), (0, 0))
        image.paste((255, 255), (0, 0, 350, 500))
        red = "white"
    _, images = thumbnails(world, saved(image, kind, **options), TYPES[kind])
    assert colours_of(images["640.jpg"]) == [red, "white"] * 2
    webp = images["640.webp"]
    assert webp.mode == "RGBA"
    alpha = webp.getchannel("A")
    assert (alpha.getpixel((50, 50)), alpha.getpixel((600, 50))) == (255, 0)


def test_an_alpha_channel_that_hides_nothing_is_left_out(world: World) -> None:
    _, images = thumbnails(world, saved(corners().convert("RGBA"), "PNG"), PNG)
    assert images["640.webp"].mode == "RGB"


@shows("REQ-B6", how="stock")
@pytest.mark.parametrize("kind", TYPES)
def test_colours_of_another_profile_become_srgb(world: World, kind: str) -> None:
    """Stored with red and blue swapped, and a profile that says so: who only drops it shows wrong colours."""
    red, green, blue = corners().split()
    data = saved(Image.merge("RGB", (blue, green, red)), kind, icc_profile=pictures.swapped_profile())
    _, images = thumbnails(world, data, TYPES[kind])
    for image in images.values():
        assert colours_of(image) == ["red", "green", "blue", "white"]
        assert "icc_profile" not in image.info


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK", "RGBA"])
@pytest.mark.parametrize("profile", ["cut", "noise", "zeros", "of other colours", "huge"])
def test_a_profile_that_does_not_work_is_passed_over(world: World, mode: str, profile: str) -> None:
    honest = pictures.swapped_profile()
    data = {
        "cut": honest[:200],
        "noise": NOISE[:500],
        "zeros": bytes(1000),
        "of other colours": honest[:16] + b"GRAY" + honest[20:],
        "huge": honest + bytes(5_000_000),
    }[profile]
    kind = "PNG" if mode == "RGBA" else "JPEG"
    image = Image.new(mode, (700, 500)) if mode != "RGB" else corners(700, 500)
    if (kind, profile) == ("PNG", "huge"):
        # In a PNG it is compressed, and one this large looks like a bomb.
        assert "damaged" in reason(world, saved(image, kind, icc_profile=data), PNG)
        return
    _, images = thumbnails(world, saved(image, kind, icc_profile=data), TYPES[kind])
    if mode == "RGB":
        assert colours_of(images["640.jpg"]) == ["red", "green", "blue", "white"]


@pytest.mark.parametrize("kind", ["WEBP", "PNG"])
def test_of_an_animation_the_first_frame(world: World, kind: str) -> None:
    frames = [corners(), Image.new("RGB", (800, 600), "black"), Image.new("RGB", (800, 600), "green")]
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)
    assert getattr(Image.open(io.BytesIO(data)), "n_frames", 1) == 3
    _, images = thumbnails(world, data, TYPES[kind])
    for image in images.values():
        assert getattr(image, "n_frames", 1) == 1
        assert colours_of(image) == ["red", "green", "blue", "white"]


def test_of_a_phones_several_pictures_in_one_file_the_first(world: World) -> None:
    data = saved(corners(), "MPO", save_all=True, append_images=[Image.new("RGB", (800, 600), "black")])
    assert Image.open(io.BytesIO(data)).format == "MPO"
    _, images = thumbnails(world, data, JPEG)
    assert colours_of(images["640.webp"]) == ["red", "green", "blue", "white"]


@shows("REQ-B6", how="stock")
def test_browsers_keep_thumbnails_for_ever(world: World) -> None:
    digest = put(world, saved(corners(), "JPEG"), JPEG)
    invoke(world, digest)
    kinds = {"jpg": JPEG, "webp": WEBP, "json": "application/json"}
    for name in keys(world, world.media, f"media/{digest}/"):
        head = world.stock.client("s3").head_object(Bucket=world.media, Key=f"media/{digest}/{name}")
        assert (head["CacheControl"], head["ContentType"]) == (FOREVER, kinds[name.rpartition(".")[2]])


# --- once


@shows("REQ-B6", how="stock")
def test_the_same_upload_twice_does_the_work_once(world: World) -> None:
    data = saved(corners(), "JPEG", comment="the same upload twice")
    digest = put(world, data, JPEG)
    assert invoke(world, digest)["outcome"] == "made"
    world.gates["s3"].seen.clear()
    put(world, data, JPEG)
    for _ in range(2):
        assert invoke(world, digest) == {"outcome": "made before", "picture": digest[:12]}
    assert {method for method, _, _ in world.gates["s3"].seen} == {"HEAD"}


@shows("REQ-B6", how="stock")
def test_two_at_once_leave_what_one_leaves(world: World) -> None:
    digest = put(world, saved(corners(), "JPEG", comment="two at once"), JPEG)
    alone = put(world, saved(corners(), "JPEG", comment="alone"), JPEG)
    second: list[Any] = []
    world.gates["s3"].plan[:] = [let_through, first(lambda: second.append(invoke(world, digest)))]
    assert invoke(world, digest)["outcome"] == second[0]["outcome"] == "made"
    assert invoke(world, alone)["outcome"] == "made"
    assert keys(world, world.media, f"media/{digest}/") == keys(world, world.media, f"media/{alone}/")


@shows("REQ-B6", how="stock")
@pytest.mark.parametrize("number", [1, 2, 3, 6, 7])
@pytest.mark.parametrize("after", [False, True])
def test_killed_with_kill_9_and_done_the_next_time(world: World, number: int, after: bool) -> None:
    """head, get, four files, picture.json: whoever reads picture.json finds all that it names."""
    digest = put(world, saved(corners(700 + 10 * number + after, 500), "JPEG"), JPEG)
    event = event_of(world, f"incoming/{digest}")
    world.killed("make_thumbnails", event, "s3", number, after=after)
    found = keys(world, world.media, f"media/{digest}/")
    assert ("picture.json" in found) == (number == 7 and after)
    assert invoke(world, digest)["outcome"] == ("made before" if number == 7 and after else "made")
    made(world, digest)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", [3, 4])
def test_killed_amid_a_rejection(world: World, number: int, after: bool) -> None:
    digest = put(world, b"no picture %d %d" % (number, after), JPEG)
    world.killed("make_thumbnails", event_of(world, f"incoming/{digest}"), "s3", number, after=after)
    assert invoke(world, digest)["outcome"] == ("gone" if number == 4 and after else "rejected")
    assert "no JPEG" in json.loads(read(world, world.uploads, f"rejected/{digest}.json"))["reason"]
    assert digest not in keys(world, world.uploads, "incoming/")


def test_the_right_file_after_a_wrong_one_under_the_same_name(world: World) -> None:
    data = saved(corners(), "JPEG", comment="after a wrong one")
    digest = hashlib.sha256(data).hexdigest()
    assert "SHA-256" in reason(world, b"something else", JPEG, digest)
    put(world, data, JPEG)
    assert invoke(world, digest)["outcome"] == "made"
    made(world, digest)


# --- transient faults are raised, for Lambda to try again


@shows("REQ-B6", how="stock")
@pytest.mark.parametrize(
    "fault",
    [cut_before, lose_answer, answers(500, "InternalError"), answers(503, "SlowDown")],
    ids=["cut", "lost", "500", "503"],
)
@pytest.mark.parametrize("at", [2, 7])
def test_when_s3_fails_it_is_raised_and_the_next_try_ends_the_work(
    world: World, fault: Any, at: int, capsys: pytest.CaptureFixture[str]
) -> None:
    # Each test its own picture: the emulator is shared.
    data = saved(corners(700, 500 + at), "JPEG", comment=f"{fault}{at}")
    digest = put(world, data, JPEG)
    world.gates["s3"].plan[:] = [let_through] * (at - 1) + [fault] * 3
    with pytest.raises(RuntimeError, match="the log line before this one"):
        invoke(world, digest)
    line = json.loads(capsys.readouterr().out)
    assert (line["level"], line["message"]) == ("ERROR", "failed")
    assert re.fullmatch(r"make_thumbnails\.py:\d+:\w+", line["at"])
    assert keys(world, world.uploads, f"incoming/{digest}") == {""}
    assert keys(world, world.uploads, f"rejected/{digest}") == set()
    assert "picture.json" not in keys(world, world.media, f"media/{digest}/") or at == 7
    world.gates["s3"].reset()
    assert invoke(world, digest)["outcome"] in ("made", "made before")
    made(world, digest)


def test_a_short_fault_is_not_noticed(world: World) -> None:
    digest = put(world, saved(corners(701, 501), "JPEG"), JPEG)
    world.gates["s3"].plan[:] = [cut_before, answers(503, "SlowDown"), let_through, answers(500, "InternalError")]
    assert invoke(world, digest)["outcome"] == "made"


def test_an_upload_that_is_not_there_is_told(world: World) -> None:
    with pytest.raises(RuntimeError):
        invoke(world, "ab" * 32)


IGNORED = ["incoming/", "incoming/x", f"incoming/{'A' * 64}", f"incoming/{'a' * 63}", f"incoming/{'a' * 64}/x"]
IGNORED += [
    f"rejected/{'a' * 64}",
    f"rejected/{'a' * 64}.json",
    f"../incoming/{'a' * 64}",
    f"incoming/{'a' * 64}\n",
    "",
]


@pytest.mark.parametrize("key", IGNORED)
def test_what_is_no_upload_is_passed_over(world: World, key: str) -> None:
    assert world.invoke("make_thumbnails", event_of(world, key)) == {"outcome": "ignored"}
    assert world.invoke("make_thumbnails", event_of(world, f"incoming/{'a' * 64}", "other")) == {"outcome": "ignored"}
    assert world.gates["s3"].seen == []


@pytest.mark.parametrize("event", [{}, {"detail": None}, {"detail": {"object": None}}, {"detail": {"bucket": None}}])
def test_an_event_of_another_shape_is_passed_over(world: World, event: dict[str, Any]) -> None:
    assert world.invoke("make_thumbnails", event) == {"outcome": "ignored"}


# --- hostile files


def tiff(kind: str) -> bytes:
    return saved(Image.new("RGB", (16, 16)), kind)


SVG = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><image href='file:///etc/passwd'/></svg>"
OTHERS: dict[str, bytes] = {
    "GIF of one pixel": saved(Image.new("P", (1, 1)), "GIF"),
    "TIFF": tiff("TIFF"),
    "ICO": tiff("ICO"),
    "BMP": tiff("BMP"),
    "EPS": tiff("EPS"),
    "PDF": tiff("PDF"),
    "AVIF": tiff("AVIF"),
    "PPM": tiff("PPM"),
    "JPEG 2000": tiff("JPEG2000"),
    "PSD": b"8BPS\0\1" + bytes(6) + b"\0\3\0\0\0\1\0\0\0\1\0\x08\0\3" + bytes(20),
    "SVG": SVG,
    "HTML": b"<!doctype html><script>alert(1)</script>",
    "zip": pictures.zip_file(),
    "GIF with a JAR behind": saved(Image.new("P", (1, 1)), "GIF") + pictures.zip_file(),
    "head of a JPEG only": b"\xff\xd8\xff",
    "head of a PNG only": b"\x89PNG\r\n\x1a\n",
    "head of a WebP only": b"RIFF\0\0\0\0WEBP",
    "text": b"hello",
    "one byte": b"\xff",
    "noise": NOISE,
    "Ghostscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%touch /tmp/owned) (w) file\n",
}


@shows("REQ-B6", how="stock")
@pytest.mark.parametrize("name", OTHERS)
def test_what_is_none_of_the_three_kinds(world: World, name: str) -> None:
    said = reason(world, OTHERS[name], list(TYPES.values())[len(name) % 3])
    assert said in (
        "The file is no JPEG, PNG or WebP image, or it is damaged.",
        "The image is damaged, cut off, or of a kind that is not understood.",
    )


@shows("REQ-B6", how="stock")
@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("announced", [JPEG, PNG, WEBP, "image/gif", "text/html", "application/x", "\N{SNOWMAN}"])
def test_a_picture_is_what_it_was_announced_as(world: World, kind: str, announced: str) -> None:
    if announced == TYPES[kind]:
        return
    announced = announced if announced.isascii() else "x/<script>"
    said = reason(world, saved(corners(100, 100), kind), announced)
    known = announced if announced in TYPES.values() else "something else"
    assert said == f"The file is {TYPES[kind]}, and was announced as {known}."


@shows("REQ-B6", how="stock")
def test_zero_bytes(world: World) -> None:
    assert reason(world, b"", JPEG) == "The file is empty."


@shows("REQ-B6", how="stock")
def test_a_hundred_megabytes_are_not_even_read(world: World) -> None:
    data = saved(corners(), "JPEG") + bytes(100 * 1024 * 1024)
    digest = put(world, data, JPEG)
    answered: list[int] = []

    def count(passage: Any) -> None:
        """Lets the answer go on its way, piece by piece, as long as somebody reads it."""
        status, headers, body = passage.forward()
        passage.request.send_response(status)
        for name, value in headers:
            if name.lower() not in ("connection", "date", "server", "transfer-encoding"):
                passage.request.send_header(name, value)
        passage.request.end_headers()
        for at in range(0, len(body), 65536):
            passage.request.wfile.write(body[at : at + 65536])
            answered.append(65536)

    world.gates["s3"].plan[:] = [let_through, count]
    assert invoke(world, digest)["reason"] == "The file has more than 20 MB."
    assert sum(answered) < 10 * 1024 * 1024


BOMBS: dict[str, tuple[bytes, str, str]] = {
    "PNG of 2^31 by 2^31": (pictures.png(2**31 - 1, 2**31 - 1), PNG, "."),
    "PNG of 30,000 by 30,000": (pictures.png(30_000, 30_000), PNG, "The image has more than 50 million pixels."),
    "PNG just above the limit": (pictures.png(7072, 7072), PNG, "The image has more than 50 million pixels."),
    "PNG of no width": (pictures.png(0, 10), PNG, "."),
    "PNG long and thin": (pictures.png(1, 40_000_000), PNG, "The image is more than 10 times as long"),
    "PNG with fewer pixels than it says": (pictures.png(7000, 7000), PNG, "The image is damaged"),
    "JPEG of 65,500 by 65,500": (pictures.huge_jpeg(65_500, 65_500), JPEG, "The image has more than 50 million"),
    "WebP of 2^24 by 255": (pictures.huge_webp(2**24, 255), WEBP, "."),
    "WebP of 16,384 by 16,384": (pictures.huge_webp(16_384, 16_384), WEBP, "The image has more than"),
    "JPEG of very many passes": (pictures.many_scans(3000), JPEG, "The image is stored in more than 100 passes."),
    "PNG with a text of 100 MB": (
        pictures.with_chunks(
            saved(corners(64, 64), "PNG"),
            pictures.chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(100_000_000), 9)),
        ),
        PNG,
        "The image is damaged",
    ),
}


@shows("REQ-B6", how="stock")
@pytest.mark.parametrize(("data", "content_type", "said"), BOMBS.values(), ids=BOMBS)
def test_decompression_bombs(world: World, data: bytes, content_type: str, said: str) -> None:
    assert len(data) < 200_000
    started = time.monotonic()
    assert said in reason(world, data, content_type)
    assert time.monotonic() - started < 5


def test_a_webp_needs_more_memory_so_it_may_have_fewer_pixels(world: World) -> None:
    data = saved(Image.new("RGB", (5001, 5000)), "WEBP", method=0, quality=1)
    assert reason(world, data, WEBP) == "The image has more than 25 million pixels."


@shows("REQ-B6", how="stock")
def test_a_profile_that_is_a_bomb(world: World) -> None:
    bomb = pictures.chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(100_000_000), 9))
    assert "damaged" in reason(world, pictures.with_chunks(saved(corners(), "PNG"), bomb), PNG)


def test_a_jpeg_with_fewer_pixels_than_it_says_is_grey_where_they_lack(world: World) -> None:
    """As all browsers show it: a JPEG that ends well, but early, is no damaged one."""
    started = time.monotonic()
    about, _ = thumbnails(world, pictures.huge_jpeg(7000, 7000), JPEG)
    assert about["width"] == 7000
    assert time.monotonic() - started < 5


@shows("REQ-B6", how="stock")
@pytest.mark.parametrize("kind", TYPES)
def test_what_stands_behind_a_picture_is_gone(world: World, kind: str) -> None:
    """A file that is a picture to one program and an archive or a page to another is only a picture afterwards."""
    tail = pictures.zip_file() + b"<script>alert('polyglot')</script><?php evil(); ?>"
    digest = put(world, saved(corners(), kind) + tail, TYPES[kind])
    assert invoke(world, digest)["outcome"] == "made"
    for name in keys(world, world.media, f"media/{digest}/"):
        raw = read(world, world.media, f"media/{digest}/{name}")
        for piece in (b"PK\x03\x04", b"script", b"php", b"Evil"):
            assert piece not in raw


def test_a_script_in_a_comment_is_gone(world: World) -> None:
    comment = pictures.segment(0xFE, b"*/=1;alert('xss');/*<script>")
    digest = put(world, pictures.with_segments(saved(corners(), "JPEG"), comment), JPEG)
    assert invoke(world, digest)["outcome"] == "made"
    for name in keys(world, world.media, f"media/{digest}/"):
        assert b"alert" not in read(world, world.media, f"media/{digest}/{name}")


@shows("REQ-B6", how="stock")
@pytest.mark.parametrize("kind", TYPES)
def test_cut_off_anywhere(world: World, kind: str) -> None:
    """Twenty places: rejected, or, when nothing of the pixels is missing, made."""
    whole = saved(corners(400, 300), kind, exif=exif(6))
    outcomes = []
    for n in range(20):
        data = whole[: len(whole) * n // 20 + 1]
        digest = put(world, data, TYPES[kind])
        outcomes.append(invoke(world, digest)["outcome"])
    assert set(outcomes[:-1]) == {"rejected"}, outcomes


def test_a_png_whose_sums_do_not_add_up(world: World) -> None:
    """Decoded as it is it would show something: which pixels are wrong, nobody knows."""
    whole = saved(corners(), "PNG")
    at = whole.rindex(b"IEND") - 5  # the last byte of the sum of the pixels
    assert "damaged" in reason(world, whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :], PNG)


BLOCKS = [b"", b"\0", b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + bytes(50)]


@pytest.mark.parametrize("block", BLOCKS)
def test_an_exif_block_that_nobody_understands_is_passed_over(world: World, block: bytes) -> None:
    data = pictures.with_segments(saved(corners(), "JPEG"), pictures.segment(0xE1, block or b"x"))
    _, images = thumbnails(world, data, JPEG)
    assert colours_of(images["640.jpg"]) == ["red", "green", "blue", "white"]


# --- thousands of damaged ones: without S3, through the one function that S3's part calls


# The most memory that a process had, in kB. What getrusage says of a new one can be that of the one which started it.
PEAK = """
import resource, sys

def peak():
    if sys.platform != "linux":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))

"""
FUZZ = """
import importlib.util, io, json, random, sys, time
sys.path.insert(0, sys.argv[2])
from tests.handlers.blog_async import pictures as p
from PIL import Image
spec = importlib.util.spec_from_file_location("make_thumbnails", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
chance = random.Random(20261125)
photo = p.corners(400, 300)
key = {"transparency": (0, 0, 0)}
seeds = [
    (p.saved(photo, "JPEG", exif=p.exif(6), icc_profile=p.swapped_profile()), p.JPEG),
    (p.saved(photo, "JPEG", progressive=True, xmp=p.XMP), p.JPEG),
    (p.saved(photo.convert("CMYK"), "JPEG"), p.JPEG),
    (p.saved(photo, "MPO", save_all=True, append_images=[photo]), p.JPEG),
    (p.saved(photo, "PNG", exif=p.exif(8), icc_profile=p.swapped_profile()), p.PNG),
    (p.saved(photo.quantize(8), "PNG", transparency=3), p.PNG),
    (p.saved(photo, "PNG", **key), p.PNG),
    (p.saved(photo, "PNG", save_all=True, append_images=[photo]), p.PNG),
    (p.saved(Image.new("I;16", (300, 200), 5000), "PNG"), p.PNG),
    (p.saved(photo, "WEBP", exif=p.exif(5), icc_profile=p.swapped_profile()), p.WEBP),
    (p.saved(photo.convert("RGBA"), "WEBP", lossless=True), p.WEBP),
    (p.saved(photo, "WEBP", save_all=True, append_images=[photo.rotate(9)], duration=9), p.WEBP),
]


def mutated(data):
    data = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        # Heads are short and decide most: half of all changes are there.
        at = chance.randrange(min(len(data), 400) if chance.random() < 0.5 else len(data))
        how = chance.randrange(7)
        if how == 0:
            data[at] = chance.randrange(256)
        elif how == 1:
            data[at] ^= 1 << chance.randrange(8)
        elif how == 2:
            data[at:at + 4] = chance.choice([0, 1, 2**31 - 1, 2**32 - 1]).to_bytes(4, "big")
        elif how == 3:
            del data[at:at + chance.randint(1, 64)]
        elif how == 4:
            data[at:at] = chance.randbytes(chance.randint(1, 64))
        elif how == 5:
            data[at:at] = data[at:at + chance.randint(1, 256)]
        else:
            other = chance.choice(seeds)[0]
            data[at:at + 32] = other[at:at + 32]
    return bytes(data)


def sums_mended(data):
    # Otherwise the sums of a PNG hide all that is behind them.
    made, at = bytearray(data[:8]), 8
    while at + 12 <= len(data):
        size = int.from_bytes(data[at:at + 4], "big")
        if at + 12 + size > len(data):
            break
        made += p.chunk(data[at + 4:at + 8], data[at + 8:at + 8 + size])
        at += 12 + size
    return bytes(made + data[at:])


counts, reasons, slowest = {"made": 0, "rejected": 0}, {}, 0.0
for n in range(int(sys.argv[3])):
    data, kind = seeds[n % len(seeds)]
    data = mutated(data)
    if kind == p.PNG and n % 3:
        data = sums_mended(data)
    started = time.monotonic()
    try:
        picture = module.pictured(data, kind)
        counts["made"] += 1
        assert picture.files
        for width, files in picture.files.items():
            for file in files:
                with Image.open(io.BytesIO(file)) as image:
                    image.load()
                    assert image.width <= width and image.height <= 10 * width
                    assert not dict(image.getexif()) and "icc_profile" not in image.info
    except module.Rejected as rejected:
        counts["rejected"] += 1
        reasons[str(rejected)] = reasons.get(str(rejected), 0) + 1
    slowest = max(slowest, time.monotonic() - started)
print(json.dumps({**counts, "reasons": reasons, "slowest": slowest, "megabytes": peak() / 1024}))
"""


@shows("REQ-B6", how="real")
def test_of_damaged_pictures_thumbnails_or_a_reason_and_nothing_else(world: World) -> None:
    """1,200 of them, from a seed, in a process of its own whose memory can be told."""
    root = str(HANDLERS.parents[2])
    command = [sys.executable, "-c", PEAK + FUZZ, str(HANDLERS / "make_thumbnails.py"), root, "1200"]
    done = subprocess.run(command, env=world.environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["made"] + told["rejected"] == 1200
    # Both happen, or the damage is of no use.
    assert min(told["made"], told["rejected"]) > 200, told
    assert len(told["reasons"]) >= 4, told
    # A function has 1024 MB.
    assert told["megabytes"] < 700, told
    assert told["slowest"] < 10, told


LARGEST = """
import importlib.util, io, sys
from PIL import Image
spec = importlib.util.spec_from_file_location("make_thumbnails", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
with open(sys.argv[2], "rb") as file:
    picture = module.pictured(file.read(), sys.argv[3])
assert sorted(picture.files) == [320, 640, 1280]
print(peak() // 1024)
"""
SIDE = 7071  # squared, just below 50 million
HEAVY: dict[str, tuple[str, str, int, dict[str, Any]]] = {
    "JPEG": ("JPEG", "RGB", SIDE, {}),
    "progressive CMYK JPEG": ("JPEG", "CMYK", SIDE, {"progressive": True}),
    "PNG with alpha": ("PNG", "RGBA", SIDE, {"compress_level": 1}),
    "PNG of grey with alpha": ("PNG", "LA", SIDE, {"compress_level": 1}),
    "PNG with a transparent palette": ("PNG", "P", SIDE, {"compress_level": 1, "transparency": 0}),
    "PNG of 16 bits": ("PNG", "I;16", SIDE, {"compress_level": 1}),
    "WebP with alpha": ("WEBP", "RGBA", 5000, {"method": 0, "quality": 1}),
}


@shows("REQ-B6", how="real")
@pytest.mark.parametrize(("kind", "mode", "side", "options"), HEAVY.values(), ids=HEAVY)
def test_the_largest_pictures_fit_into_a_functions_memory(
    world: World, tmp_path: Any, kind: str, mode: str, side: int, options: dict[str, Any]
) -> None:
    """1024 MB, of which Lambda's own runtime has some."""
    (tmp_path / "picture").write_bytes(saved(Image.new(mode, (side, side)), kind, **options))
    command = [sys.executable, "-c", PEAK + LARGEST, str(HANDLERS / "make_thumbnails.py"), str(tmp_path / "picture")]
    done = subprocess.run([*command, TYPES[kind]], env=world.environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) < 800


# --- deployed


@shows("REQ-B6", how="stock")
def test_the_event_that_eventbridge_sends(world: World) -> None:
    s3, events, sqs = (world.stock.client(service) for service in ("s3", "events", "sqs"))
    s3.put_bucket_notification_configuration(
        Bucket=world.uploads, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    url = sqs.create_queue(QueueName=f"uploads-{uuid.uuid4().hex}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": [world.uploads]}, "object": {"key": [{"prefix": "incoming/"}]}},
    }
    rule = f"uploads-{uuid.uuid4().hex}"
    events.put_rule(Name=rule, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=rule, Targets=[{"Id": "queue", "Arn": arn}])
    try:
        digest = put(world, saved(corners(333, 222), "JPEG"), JPEG)
        [message] = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]
        event = json.loads(message["Body"])
        assert world.invoke("make_thumbnails", event) == {"outcome": "made", "picture": digest[:12]}
        # What it writes itself into the bucket of uploads is no upload.
        bad = put(world, b"bad", JPEG)
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        [message] = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]
        assert world.invoke("make_thumbnails", json.loads(message["Body"]))["outcome"] == "rejected"
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        assert keys(world, world.uploads, f"rejected/{bad}") == {".json"}
        assert sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", []) == []
    finally:
        events.remove_targets(Rule=rule, Ids=["queue"])
        events.delete_rule(Name=rule)
        s3.put_bucket_notification_configuration(Bucket=world.uploads, NotificationConfiguration={})


@shows("REQ-B6", how="stock")
def test_each_right_is_needed_and_no_other(world: World) -> None:
    """There is no s3:ListBucket, so S3 says 403 of what is not there. With the layer, as a template deploys it."""
    environment = {"UPLOADS_BUCKET": world.uploads, "MEDIA_BUCKET": world.media}
    function = deploy(world.stock, "make_thumbnails", environment, layer="pillow")
    uploads, media = f"arn:aws:s3:::{world.uploads}", f"arn:aws:s3:::{world.media}"
    rights = {
        "get upload": statement("s3:GetObject", f"{uploads}/incoming/*"),
        "delete upload": statement("s3:DeleteObject", f"{uploads}/incoming/*"),
        "get rejection": statement("s3:GetObject", f"{uploads}/rejected/*"),
        "put rejection": statement("s3:PutObject", f"{uploads}/rejected/*"),
        "get media": statement("s3:GetObject", f"{media}/media/*"),
        "put media": statement("s3:PutObject", f"{media}/media/*"),
    }

    def outcomes(without: str, number: int) -> list[str]:
        """Of a picture, the same again, a file that is none, and the same again."""
        function.allow([right for name, right in rights.items() if name != without])
        good = put(world, saved(corners(400 + number, 300), "JPEG"), JPEG)
        bad = put(world, b"bad %d" % number, JPEG)
        found = []
        for digest in (good, good, bad, bad):
            answer, failed = function.invoke(event_of(world, f"incoming/{digest}"))
            found.append("failed" if failed else answer["outcome"])
        return found

    all_well = ["made", "made before", "rejected", "gone"]
    assert outcomes("", 1) == all_well
    assert outcomes("get upload", 2) == ["failed", "failed", "failed", "failed"]
    assert outcomes("delete upload", 3) == ["made", "made before", "failed", "failed"]
    assert outcomes("get rejection", 4) == ["made", "made before", "rejected", "failed"]
    assert outcomes("put rejection", 5) == ["made", "made before", "failed", "failed"]
    # Without it the work is done again each time.
    assert outcomes("get media", 6) == ["made", "made", "rejected", "gone"]
    assert outcomes("put media", 7) == ["failed", "failed", "rejected", "gone"]


def test_the_log_names_no_upload_in_full(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    digest = put(world, saved(corners(), "JPEG", exif=exif()), JPEG)
    world.invoke("make_thumbnails", event_of(world, f"incoming/{digest}"), Context())
    out = capsys.readouterr().out
    [line] = map(json.loads, out.splitlines())
    assert (line["level"], line["message"], line["picture"]) == ("INFO", "done", digest[:12])
    assert digest not in out
    assert "Secret" not in out


def test_the_same_picture_is_the_same_bytes(world: World) -> None:
    module = world.modules["make_thumbnails"]
    data = saved(corners(1300, 900), "PNG")
    one, other = (module.pictured(data, PNG) for _ in range(2))
    assert one == other
    webp, jpeg = (Image.open(io.BytesIO(file)).convert("RGB") for file in one.files[1280])
    difference = ImageChops.difference(webp, jpeg).convert("L")
    assert max(n for n, count in enumerate(difference.histogram()) if count > difference.width) < 80
