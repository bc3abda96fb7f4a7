"""An account's picture: a PNG and nothing but a PNG, for it is shown on the pages where passwords are typed.

It is never decoded here. What is looked at is that the file is made of whole chunks from the signature to one end, so
that no other file hangs on it (ISO/IEC 15948, 5.2 and 5.3); it is served as a picture and as nothing else.
"""

import zlib
from collections.abc import Iterator

from secondstep.errors import InvalidRequest

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_LARGEST_SIDE = 2000
_HEADER_BYTES = 13


def size_of(png: bytes) -> tuple[int, int]:
    """Return width and height in pixels; InvalidRequest for what is not a whole PNG of at most 2,000 a side."""
    chunks = list(_chunks(png))
    kinds = [kind for kind, _ in chunks]
    if kinds[:1] != [b"IHDR"] or kinds[-1] != b"IEND" or kinds.count(b"IEND") != 1 or b"IDAT" not in kinds:
        raise _not_a_png()
    if len(chunks[0][1]) != _HEADER_BYTES:
        raise _not_a_png()
    header = chunks[0][1]
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    if not (0 < width <= _LARGEST_SIDE and 0 < height <= _LARGEST_SIDE):
        raise InvalidRequest(f"must have sides of at most {_LARGEST_SIDE} pixels", field="png")
    return width, height


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and content of each chunk, up to the end of the file; each must be whole and bear its checksum."""
    if not png.startswith(_SIGNATURE):
        raise _not_a_png()
    at = len(_SIGNATURE)
    while at < len(png):
        end = at + 8 + int.from_bytes(png[at : at + 4], "big")
        kind_and_content, checksum = png[at + 4 : end], png[end : end + 4]
        if zlib.crc32(kind_and_content).to_bytes(4, "big") != checksum:
            raise _not_a_png()
        yield kind_and_content[:4], kind_and_content[4:]
        at = end + 4


def _not_a_png() -> InvalidRequest:
    return InvalidRequest("must be a PNG", field="png")
