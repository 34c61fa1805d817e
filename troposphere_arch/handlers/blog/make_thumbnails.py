"""Makes thumbnails of uploaded pictures, and says why when it makes none.

    Uploads, incoming/<sha256> --EventBridge--> this --> Media, media/<sha256>/<width>.webp and .jpg, picture.json
                                                 +-- or Uploads, rejected/<sha256>.json: {"reason": "..."}

A picture is made anew from its pixels: upright, in sRGB, without EXIF, GPS, XMP, IPTC, profile, comment, further frames
or whatever stood behind it. `picture.json` is written last: when it is there the work is done, and is not done again.

What is wrong with a file itself is for ever, so it never raises: the reason is written down, and the file removed.
Everything else raises; Lambda tries it again, a few times, and hands it to the queue ThumbnailFailures. A file that
was made stays at incoming/, which nobody is served from: it is the author's original.

The function's role needs, on the bucket of uploads, s3:GetObject and s3:DeleteObject on incoming/*, s3:GetObject and
s3:PutObject on rejected/*; on the bucket of media s3:GetObject and s3:PutObject on media/*. Without s3:ListBucket S3
says 403, not 404, of an object that is not there, so both are taken for that. It needs Pillow from a layer, 1024 MB of
memory for the largest images that it takes, and a minute.
"""

import hashlib
import io
import json
import os
import re
import time
import traceback
import warnings
from datetime import UTC, datetime
from typing import Any, NamedTuple

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from PIL import Image, ImageCms, JpegImagePlugin, PngImagePlugin, UnidentifiedImageError, WebPImagePlugin

# ---- Same in all functions that nobody waits for, begin: a template inlines each file alone ----
Json = dict[str, Any]


class Done(NamedTuple):
    answer: Json
    told: Json  # what the log says of it: counts and outcomes, never an address, a token or a text of somebody's


def code_of(error: Exception) -> str:
    """The code in a service's answer ("ThrottlingException"), or nothing if no service answered."""
    return str(error.response["Error"].get("Code", "")) if isinstance(error, ClientError) else ""


def failure(error: Exception) -> Json:
    """What broke and where, but not the exception's text: that may quote an item."""
    frames = traceback.extract_tb(error.__traceback__)
    here = [frame for frame in frames if frame.filename == handler.__code__.co_filename][-1]
    at = f"{here.filename.rpartition('/')[2]}:{here.lineno}:{here.name}"
    return {"error": f"{type(error).__name__} {code_of(error)}".strip(), "at": at}


def log(context: Any, level: str, message: str, told: Json) -> None:
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line = {"level": level, "timestamp": at, "message": message, "requestId": context.aws_request_id}
    print(json.dumps(line | told))


def handler(event: Json, context: Any) -> Json:
    """Do the work once; log one line, and raise only what another attempt may mend."""
    started = time.monotonic()
    try:
        answer, told = work(event, context)
    except Exception as error:
        log(context, "ERROR", "failed", failure(error))
        # The function's error metric, and so the alarm, must see it; nobody else's words go along.
        raise RuntimeError("The work failed; the log line before this one says where.") from None
    log(context, "INFO", "done", told | {"durationMs": round((time.monotonic() - started) * 1000, 1)})
    return answer


# ---- Same in all functions that nobody waits for, end ----

UPLOADS = os.environ["UPLOADS_BUCKET"]
MEDIA = os.environ["MEDIA_BUCKET"]
KEY = re.compile(r"incoming/([0-9a-f]{64})")
WIDTHS = (320, 640, 1280)
MAX_BYTES = 20 * 1024 * 1024
MAX_PIXELS = 50_000_000
MAX_WEBP_PIXELS = 25_000_000  # its decoder holds them three times
MAX_RATIO = 10  # of the longer to the shorter side: WebP knows no side of more than 16,383
MAX_SCANS = 100  # of a progressive JPEG: each costs a pass over the whole image, and some ten are usual
MAX_PROFILE = 4 * 1024 * 1024
JPEG, PNG, WEBP = "image/jpeg", "image/png", "image/webp"
# MPO is what many phones write: a JPEG with more pictures behind the first one.
FORMATS = {"JPEG": JPEG, "MPO": JPEG, "PNG": PNG, "WEBP": WEBP}
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
ORIENTATION = 0x0112
FOREVER = "public, max-age=31536000, immutable"  # the address has the hash of the upload

# Only these decoders are imported, and only those three are asked.
PLUGINS = (JpegImagePlugin, PngImagePlugin, WebPImagePlugin)
Image.MAX_IMAGE_PIXELS = MAX_PIXELS

s3: Any = boto3.client(
    "s3", config=Config(connect_timeout=2, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})
)


class Rejected(Exception):
    """The file will never be a picture here. The text is for its author."""


class Picture(NamedTuple):
    width: int
    height: int
    files: dict[int, tuple[bytes, bytes]]  # width -> WebP, JPEG


def work(event: Json, _: Any) -> Done:
    detail = event.get("detail") or {}
    found = KEY.fullmatch(str((detail.get("object") or {}).get("key", "")))
    if found is None or (detail.get("bucket") or {}).get("name") != UPLOADS:
        return came_to("ignored")
    digest = found[1]
    if there(MEDIA, f"media/{digest}/picture.json"):
        return came_to("made before", digest)
    try:
        data, content_type = fetched(digest)
        picture = pictured(data, content_type)
    except Rejected as rejected:
        return reject(digest, str(rejected))
    except Gone:
        return came_to("gone", digest)
    del data
    for width, (webp, jpeg) in picture.files.items():
        put(MEDIA, f"media/{digest}/{width}.webp", webp, WEBP)
        put(MEDIA, f"media/{digest}/{width}.jpg", jpeg, JPEG)
    about = {"widths": sorted(picture.files), "width": picture.width, "height": picture.height}
    put(MEDIA, f"media/{digest}/picture.json", json.dumps(about).encode(), "application/json")
    return came_to("made", digest)


def came_to(outcome: str, digest: str = "", **more: str) -> Done:
    told = {"outcome": outcome, **({"picture": digest[:12]} if digest else {}), **more}
    return Done(told, told)


# ---- S3


class Gone(Exception):
    """The upload is not there any more, and why is known."""


def there(bucket: str, key: str) -> bool:
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if not absent(error):
            raise
        return False
    return True


def absent(error: ClientError) -> bool:
    return error.response["ResponseMetadata"]["HTTPStatusCode"] in (403, 404)


def fetched(digest: str) -> tuple[bytes, str]:
    """The file, when it is what its name says, and the content type that it was uploaded with."""
    try:
        # The size comes before the content.
        answer = s3.get_object(Bucket=UPLOADS, Key=f"incoming/{digest}")
    except ClientError as error:
        # A second event of a file that was rejected, and so removed. Else something is wrong, and somebody should know.
        if absent(error) and there(UPLOADS, f"rejected/{digest}.json"):
            raise Gone from error
        raise
    with answer["Body"] as body:
        if answer["ContentLength"] > MAX_BYTES:
            raise Rejected("The file has more than 20 MB.")
        if answer["ContentLength"] == 0:
            raise Rejected("The file is empty.")
        data: bytes = body.read()
    if hashlib.sha256(data).hexdigest() != digest:
        raise Rejected("The file is not the one that was announced: its SHA-256 is another one.")
    return data, str(answer.get("ContentType", "")).partition(";")[0].strip().lower()


def put(bucket: str, key: str, data: bytes, content_type: str) -> None:
    s3.put_object(Bucket=bucket, Key=key, Body=data, ContentType=content_type, CacheControl=FOREVER)


def reject(digest: str, reason: str) -> Done:
    """Write the reason first: if this ends in between, the file is still there and is rejected once more."""
    body = json.dumps({"reason": reason}).encode()
    s3.put_object(Bucket=UPLOADS, Key=f"rejected/{digest}.json", Body=body, ContentType="application/json")
    s3.delete_object(Bucket=UPLOADS, Key=f"incoming/{digest}")
    return came_to("rejected", digest, reason=reason)


# ---- pixels: nothing below knows S3


def pictured(data: bytes, content_type: str) -> Picture:
    """The thumbnails of an image file. Raises `Rejected`, and nothing else, whatever the file is."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of EXIF that is damaged, and of sizes, which are looked at here
            return thumbnails(opened(data, content_type))
    except Rejected:
        raise
    except Image.DecompressionBombError:
        raise too_large(MAX_PIXELS) from None
    # Decoders raise whatever they come across: OSError, SyntaxError, struct.error, MemoryError and many more.
    except Exception as error:
        raise Rejected("The image is damaged, cut off, or of a kind that is not understood.") from error


def too_large(most: int) -> Rejected:
    return Rejected(f"The image has more than {most // 1_000_000} million pixels.")


def opened(data: bytes, content_type: str) -> Image.Image:
    """The image, of which only the head is read so far."""
    try:
        image = Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP"))
    except UnidentifiedImageError:
        raise Rejected("The file is no JPEG, PNG or WebP image, or it is damaged.") from None
    found = FORMATS.get(image.format or "", "")
    if found != content_type:
        announced = content_type if content_type in FORMATS.values() else "something else"
        raise Rejected(f"The file is {found or 'no image'}, and was announced as {announced}.")
    most = MAX_WEBP_PIXELS if found == WEBP else MAX_PIXELS
    if image.width * image.height > most:
        raise too_large(most)
    if max(image.size) > MAX_RATIO * min(image.size):
        raise Rejected(f"The image is more than {MAX_RATIO} times as long as it is wide, or as wide as it is long.")
    if found == JPEG and data.count(b"\xff\xda") > MAX_SCANS:
        raise Rejected(f"The image is stored in more than {MAX_SCANS} passes.")
    if found == PNG:
        # The sums of all parts are looked at here only; after that the image must be opened anew.
        image.verify()
        image = Image.open(io.BytesIO(data), formats=("PNG",))
    return image


def thumbnails(image: Image.Image) -> Picture:
    """Width -> WebP and JPEG, none larger than the image; the smallest always."""
    photo = image.format in ("JPEG", "MPO")
    if not photo:
        image.load()  # a PNG may have its EXIF behind its pixels
    turn = UPRIGHT.get(orientation(image))
    lying = turn is not None and turn in (
        Image.Transpose.TRANSPOSE,
        Image.Transpose.TRANSVERSE,
        Image.Transpose.ROTATE_90,
        Image.Transpose.ROTATE_270,
    )
    width, height = (image.height, image.width) if lying else image.size
    widths = [one for one in WIDTHS if one <= width] or [WIDTHS[0]]
    largest = scaled(width, height, widths[-1])
    stored = (largest[1], largest[0]) if lying else largest
    if photo:
        # Decoded at a half, quarter or eighth of its size, as long as that is twice what is needed.
        image.draft(None, (2 * stored[0], 2 * stored[1]))
    image.load()
    small = in_srgb(reduced(image, stored), image.info.get("icc_profile"))
    image.close()
    if turn is not None:
        small = small.transpose(turn)
    # A new image, which knows nothing of the old one but its pixels: all other copies take comments and profiles along.
    clean = Image.new(small.mode, small.size)
    clean.paste(small)
    files = {}
    for one in reversed(widths):
        clean = clean.resize(scaled(width, height, one), Image.Resampling.LANCZOS)
        files[one] = encoded(clean)
    return Picture(width, height, files)


def orientation(image: Image.Image) -> int:
    """As EXIF has it, 1 to 8; 1 when it has none that can be read."""
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except Exception:  # a picture is not worse for an EXIF block that nobody understands
        return 1
    return value if isinstance(value, int) else 1


def scaled(width: int, height: int, to: int) -> tuple[int, int]:
    to = min(to, width)
    return to, max(1, round(height * to / width))


def reduced(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The image in this size, in one of the modes L, RGB, RGBA, CMYK."""
    if image.mode.startswith("I"):
        # 16 bits of grey: converted as they are, all but the darkest would be white. Smaller first: four bytes a pixel.
        small = image.resize(size, Image.Resampling.LANCZOS).convert("I")
        return small.point(lambda value: value * (1 / 257)).convert("L")
    if image.has_transparency_data:
        image = image.convert("RGBA")
    elif image.mode not in ("L", "RGB", "CMYK"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def in_srgb(image: Image.Image, profile: object) -> Image.Image:
    """RGB or RGBA as a screen without any profile shows it. A profile that does not work is passed over."""
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    colours = image.convert("RGB") if alpha else image
    shown = None
    if isinstance(profile, bytes) and 0 < len(profile) <= MAX_PROFILE:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            shown = ImageCms.profileToProfile(colours, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except Exception:  # damaged, or of other colours than the image has
            shown = None
    shown = shown or colours.convert("RGB")
    if alpha and alpha.getextrema() != (255, 255):
        shown.putalpha(alpha)
    return shown


def encoded(image: Image.Image) -> tuple[bytes, bytes]:
    """As WebP, and as JPEG: that has no transparency, so what shows through is white."""
    webp, jpeg = io.BytesIO(), io.BytesIO()
    image.save(webp, "WEBP", quality=80, method=4)
    if image.mode == "RGBA":
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A"))
        image = white
    image.save(jpeg, "JPEG", quality=82, optimize=True, progressive=True)
    return webp.getvalue(), jpeg.getvalue()
