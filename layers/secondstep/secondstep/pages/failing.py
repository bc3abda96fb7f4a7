"""What a refusal is to a person: the page's own error, or a page that says what to do next."""

from collections.abc import Mapping
from typing import Any

from secondstep.errors import InvalidRequest, ServiceError


def told(refused: ServiceError | None) -> Mapping[str, Any]:
    """Return a refusal as the templates read it: its code and members; an empty code where there is none."""
    if refused is None:
        return {"code": "", "field": ""}
    field = refused.field if isinstance(refused, InvalidRequest) else ""
    return {"field": field, **refused.members(), "code": refused.code}
