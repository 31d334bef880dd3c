"""What one request may cost, and how many may be at work at once."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds that hold for every request with images.

    `requests`: at work at once, of all models; those above are refused with 503. `images` and
    `bytes`: of one request; `json_bytes`: of one in JSON, which takes 30 times as much memory.
    `pixels`: of one image. `seconds`: until a request has come in, and again until its last image
    is begun.
    """

    requests: int = 64
    images: int = 32
    bytes: int = 16 << 20
    json_bytes: int = 4 << 20
    pixels: int = 25_000_000
    seconds: float = 10.0
