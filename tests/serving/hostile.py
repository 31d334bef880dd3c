"""Twenty kinds of hostile requests, as the bytes of each, and the statuses that may answer it.

None: no answer is due, because the client goes or the request is no HTTP.
"""

import io
import json
import struct
import zlib
from functools import cache

import numpy as np
from PIL import Image

PATH = "/models/cnn/predict"
UNREADABLE, REFUSED, ANY = {422}, {400}, None


def request(body: bytes, kind: str, path: str = PATH, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {size}"
    return head.encode() + b"\r\nConnection: close\r\n\r\n" + body


def form(*files: bytes, name: bytes = b"a.png", charset: str = "utf-8", path: str = PATH) -> bytes:
    part = b'--edge\r\nContent-Disposition: form-data; name="images"; filename="%s"\r\n\r\n%s\r\n'
    body = b"".join(part % (name, file) for file in files) + b"--edge--\r\n"
    return request(body, f"multipart/form-data; boundary=edge; charset={charset}", path)


def pixels(text: str) -> bytes:
    return request(text.encode(), "application/json")


def saved(image: Image.Image, kind: str, **options) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(width: int, height: int, *extra: bytes) -> bytes:
    """A grey PNG of this size whose pixels are all zero: a thousand pixels in a byte."""
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(b"\0" * (width + 1)) for _ in range(height)) + packer.flush()
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    end = chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + end


@cache
def kinds() -> dict[str, tuple[bytes, set[int] | None]]:
    """Return each kind by its name: the request, and the statuses that are right."""
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 256, (300, 300, 3), dtype=np.uint8))
    photo, drawn = saved(noise, "jpeg"), saved(noise, "png")
    frames = [noise.convert("P")] * 20
    text = chunk(b"zTXt", b"a\0\0" + zlib.compress(b"\0" * (80 << 20), 9))
    tiff = bytearray(saved(noise.resize((8, 8)), "tiff"))
    at = int.from_bytes(tiff[4:8], "little")
    tiff[at + 10 : at + 14] = (2**31 - 1).to_bytes(4, "little")  # the width
    return {
        "no image": (form(b"#!/bin/sh\nexit"), UNREADABLE),
        "nothing": (form(b""), UNREADABLE),
        "a PNG cut off": (form(drawn[: len(drawn) // 2]), UNREADABLE),
        "a JPEG cut off": (form(photo[: len(photo) // 2]), UNREADABLE),
        "a JPEG with zeros inside": (
            form(photo[:5000] + b"\0" * 3000 + photo[8000:]),
            UNREADABLE,
        ),
        "a PNG of 900 million pixels": (
            form(png_of(30, 30).replace(*_size(30, 30000))),
            UNREADABLE,
        ),
        "a PNG of just too many pixels": (form(png_of(5001, 5000)), UNREADABLE),
        "a PNG of just not too many": (form(png_of(5000, 5000)), {200}),
        "a PNG with a bomb of text": (form(png_of(9, 9, text)), UNREADABLE),
        "an animation": (form(saved(frames[0], "gif", save_all=True, append_images=frames)), {200}),
        "a TIFF of two billion columns": (form(bytes(tiff)), UNREADABLE),
        "PostScript": (form(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"), UNREADABLE),
        "too many files": (form(*[b"x"] * 33), REFUSED),
        "too many bytes": (form(b"\0" * (17 << 20)), {413}),
        "a name in no encoding": (
            form(b"x", name=b"\\ud800", charset="unicode_escape"),
            UNREADABLE,
        ),
        "a form without its edge": (request(b"--edge\r\n\r\n", "multipart/form-data"), REFUSED),
        "a form that ends inside": (form(drawn)[:-4000], ANY),
        "deep JSON": (pixels("[" * 10**6), REFUSED),
        "a long text among pixels": (
            pixels(json.dumps({"images": [[["x" * 10**6] + [5] * 10**5]]})),
            REFUSED,
        ),
        "a folder above": (form(b"x", path="/models/..%2f..%2fetc%2fpasswd/predict"), {404}),
        "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", ANY),
        "a million empty lists": (pixels('{"images": [' + "[]," * 10**6 + "[]]}"), REFUSED),
    }


def _size(old: int, new: int) -> tuple[bytes, bytes]:
    """Return the header chunks of PNGs of these widths and heights."""
    return tuple(
        chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)) for side in (old, new)
    )
