"""Pictures as tests need them: whole PNGs, and what only looks like one."""

import struct
import zlib


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk of a PNG with its checksum (ISO/IEC 15948, 5.3)."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int = 2, height: int = 3, *, filling: bytes = b"") -> bytes:
    """Return a picture of grey pixels, with a comment of these bytes."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\x00" + b"\x80" * min(width, 10) for _ in range(min(height, 10))))
    comment = chunk(b"tEXt", filling) if filling else b""
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + comment + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


WHOLE = png()
NO_PNG = {
    "nothing": b"",
    "text": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "gif": b"GIF89a" + WHOLE,
    "signature alone": WHOLE[:8],
    "cut": WHOLE[:-1],
    "no end": WHOLE[:-12],
    "something behind": WHOLE + b"<script>",
    "twice": WHOLE + WHOLE,
    "wrong sum": WHOLE[:-1] + b"\x00",
    "no picture": WHOLE[:33] + WHOLE[-12:],
    "no header": WHOLE[:8] + WHOLE[33:],
    "a length beyond the end": WHOLE[:33] + b"\xff\xff\xff\xff" + WHOLE[37:],
    "too wide": png(2001, 1),
    "too high": png(1, 2001),
    "no width": png(0, 1),
    "enormous": png(2**31, 2**31),
}
