"""Every ceremony, of programs and of people: what the matrices of faults are made of."""

import pytest

from tests.attacks import ceremonies, hand_over_ceremonies, page_ceremonies
from tests.attacks.ceremonies import Ceremony

CEREMONIES: dict[str, Ceremony] = {
    **ceremonies.CEREMONIES,
    **{f"page: {name}": each for name, each in page_ceremonies.CEREMONIES.items()},
    **{f"hand over: {name}": each for name, each in hand_over_ceremonies.CEREMONIES.items()},
}
each_ceremony = pytest.mark.parametrize("name", CEREMONIES)
