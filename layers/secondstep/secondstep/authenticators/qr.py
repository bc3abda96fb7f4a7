"""The QR code of a key URI, drawn here: no third party ever sees a secret.

Imported where one is drawn, and not before: who only checks codes needs no segno.
"""

import segno


def qr_svg(uri: str) -> str:
    """Return the QR code of a key URI as an inline SVG; no third party ever sees the URI."""
    return segno.make(uri, error="m", micro=False).svg_inline(scale=4, border=4, dark="#000", light="#fff")
