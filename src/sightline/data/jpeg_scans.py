"""The scans of a JPEG: where their data stand, and whether they can be what the file says.

libjpeg fills what is missing with grey and only warns, and PIL drops the warning. Sources: ITU-T
T.81, B (markers), C (Huffman codes), F and G (sequential and progressive coding).
"""

import re
from typing import NamedTuple

ZEROS = b"\0" * 64  # a run that data of a photograph never holds

_START_OF_FRAME = {0xC0: False, 0xC1: False, 0xC2: True}  # Huffman: sequential or progressive
_HUFFMAN, _END, _SCAN = 0xC4, 0xD9, 0xDA
_COEFFICIENTS = 64  # of a block
_ALL_BITS = 16
_SIXTEEN_ZEROS = 15  # a run of zeros that does not end its block
# 0xFF before 0 is data, 0xD0 to 0xD7 are restart markers inside a scan, 0xFF 0xFF is padding
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


class Scan(NamedTuple):
    """A scan: its data are bytes `start` to `end` of the file. `zeros` is where zeros begin that
    it cannot hold, if it has any. `complete`: it holds every component, with all its bits.
    """

    start: int
    end: int
    zeros: int | None
    complete: bool


def scans(data: bytes) -> list[Scan]:
    """Return the scans up to the end marker, or up to the end of the data where it is missing.

    Empty for a JPEG that is not coded by Huffman, of which nothing is known here. Raises
    ValueError for a progressive one that ends before all its bits have come.
    """
    scans, tables, frame, progressive = [], [], b"", False
    missing: dict[int, list[int]] = {}  # by component: the bits of each coefficient yet to come
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != _END:
        marker, start = data[at + 1], at + 2 + (data[at + 2] << 8 | data[at + 3])
        body = data[at + 4 : start]
        at = start
        if marker == _HUFFMAN:
            tables.append(body)
        elif marker in _START_OF_FRAME:
            frame, progressive = body, _START_OF_FRAME[marker]
            missing = {body[6 + 3 * i]: [_ALL_BITS] * _COEFFICIENTS for i in range(body[5])}
        elif marker == _SCAN:
            if not frame:
                return []
            following = _MARKER.search(data, start)
            at = following.start() if following else len(data)
            zeros = data.find(ZEROS, start, at)
            if zeros >= 0 and _may_be_zeros(data[zeros:at], body, tables, frame, progressive):
                zeros = -1
            complete = not progressive and body[0] == len(missing)
            scans.append(Scan(start, at, zeros if zeros >= 0 else None, complete))
            first, last, bits = body[-3:]
            for component in body[1:-3:2] if progressive else ():
                missing[component][first : last + 1] = [bits & 15] * (last + 1 - first)
    if progressive and any(any(bits) for bits in missing.values()):
        raise ValueError("broken: a progressive JPEG without its last scans")
    return scans


def _may_be_zeros(
    run: bytes, header: bytes, tables: list[bytes], frame: bytes, progressive: bool
) -> bool:
    """Whether zeros at the start of a scan's `run` of bytes say that so many blocks are flat.

    `header` is the scan's, `tables` are all Huffman tables before it, `frame` the frame's header.
    """
    codes = _codes_of_zeros(header, tables, progressive)
    if any(symbol & 15 or symbol >> 4 == _SIXTEEN_ZEROS for symbol, _ in codes):
        return False
    bits = 8 * (len(run) - len(run.lstrip(b"\0")))
    height, width = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")
    blocks = header[0] * (height // 8 + 4) * (width // 8 + 4)
    return not progressive or bits <= blocks * min((length for _, length in codes), default=1)


def _codes_of_zeros(header: bytes, tables: list[bytes], progressive: bool) -> list[tuple[int, int]]:
    """Return what the code of zeros alone stands for, and its length, in each Huffman table that a
    scan uses. Codes are canonical, so this is a table's first one. None for bits without a code.
    """
    first_codes = {}
    for table in tables:
        at = 0
        while at + 17 < len(table):
            counts = table[at + 1 : at + 17]
            length = next((i for i, count in enumerate(counts, 1) if count), 0)
            first_codes[table[at]] = (table[at + 17], length)
            at += 17 + sum(counts)
    first, _, bits = header[-3:]
    selectors = header[2:-3:2]
    dc = [first_codes[selector >> 4] for selector in selectors if not first]
    ac = [first_codes[0x10 | selector & 15] for selector in selectors if first or not progressive]
    return [] if progressive and not first and bits >> 4 else dc + ac
