"""schemathesis reads the document that is served and calls what it describes: no answer is another than it says.

Four callers: nobody, somebody who is no admin, an admin whose login is fresh, and the one whose request was about to
succeed, some of whose fields are others now. FUZZ_EXAMPLES says how many requests each route gets from each of them
(`make fuzz` for many); the same ones in every run.
"""

import os
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.transport import Response

from secondstep import contract, shapes
from secondstep.contract import JSON, Route
from tests.attacks.raw import FIXED_HEADERS
from tests.attacks.successes import SUCCESSES, Success, named, sign_in
from tests.service import Person, Service

pytestmark = pytest.mark.e2e

type Case = schemathesis.Case[Any]

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "15"))

load_all_checks()
AS_DOCUMENTED: list[Any] = [
    CHECKS.get_one(name)
    for name in (
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
    )
]
# Beside them: what the document forbids is refused. Not the reverse: a login name, a code and a picture have rules
# that JSON Schema cannot say.
STRICTLY = [*AS_DOCUMENTED, CHECKS.get_one("negative_data_rejection")]

each_route = pytest.mark.parametrize("route", contract.ROUTES, ids=named)


def _says_what_is_wrong(route: Route) -> bool:
    """Tell whether the document describes fields of a route: only then can a request break what it says."""
    return bool(_fields(route)) or route.query is not shapes.Nothing


def _fields(route: Route) -> list[str]:
    """Return the fields of the JSON that a route takes."""
    return [each.encode_name for each in msgspec.structs.fields(route.takes)] if route.media_type == JSON else []


class Served:
    """The document as the gateway serves it, and what the requests made of it are answered."""

    def __init__(self, service: Service, route: Route) -> None:
        self._service = service
        document = schemathesis.openapi.from_wsgi("/openapi.json", service.gateway)
        document.config.generation.update(with_security_parameters=False)
        document.config.checks.negative_data_rejection.expected_statuses = ["400", "404", "413", "428", "429"]
        self._operation = document[route.path][route.method]

    def cases(self, mode: GenerationMode) -> st.SearchStrategy[Case]:
        """Return the requests that the document allows, or some that it does not."""
        return self._operation.as_strategy(generation_mode=mode)

    def answer(self, case: Case, checks: list[Any], headers: dict[str, str]) -> Response:
        """Send a request and hold the answer against the document."""
        response = case.call(headers=headers)
        case.validate_response(response, checks=checks)
        for name, value in FIXED_HEADERS.items():
            assert response.headers.get(name.lower()) == [value], (name, response.headers)
        if response.status_code >= 400:
            assert response.headers["content-type"] == ["application/problem+json"]
            assert response.json()["status"] == response.status_code
        return response


@pytest.fixture
def served(service: Service, route: Route) -> Served:
    return Served(service, route)


def for_each(cases: st.SearchStrategy[Any], check: Callable[[Any], None]) -> None:
    """Check as many requests as asked for: the same ones each time, and the first that fails as it was sent."""
    run = settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    run(given(cases)(check))()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@each_route
def test_nobody_is_answered_as_documented(served: Served, route: Route) -> None:
    def check(case: Case) -> None:
        response = served.answer(case, AS_DOCUMENTED, {})
        if route.bearer != "none" and not route.is_bearer_optional:
            assert response.status_code in (400, 401, 413, 415)

    for_each(served.cases(GenerationMode.POSITIVE), check)


@each_route
def test_who_is_no_admin_is_answered_as_documented(
    service: Service, served: Served, enrolled: Person, route: Route
) -> None:
    def check(case: Case) -> None:
        response = served.answer(case, AS_DOCUMENTED, bearer(sign_in(service, enrolled).account_token))
        if route.bearer == "admin":
            assert response.status_code == 403

    for_each(served.cases(GenerationMode.POSITIVE), check)


@each_route
def test_an_admin_is_answered_as_documented(service: Service, served: Served, admin: Person) -> None:
    def check(case: Case) -> None:
        served.answer(case, AS_DOCUMENTED, bearer(sign_in(service, admin).account_token))

    for_each(served.cases(GenerationMode.POSITIVE), check)


@pytest.mark.parametrize("route", [each for each in contract.ROUTES if _says_what_is_wrong(each)], ids=named)
def test_what_the_document_forbids_is_refused_as_documented(service: Service, served: Served, admin: Person) -> None:
    def check(case: Case) -> None:
        served.answer(case, STRICTLY, bearer(sign_in(service, admin).account_token))

    for_each(served.cases(GenerationMode.NEGATIVE), check)


@each_route
def test_a_request_that_was_about_to_succeed_is_answered_as_documented(
    service: Service, served: Served, route: Route
) -> None:
    """So the parts behind the first refusals are reached: living challenges, ids, tickets, names."""
    answered = set[int]()

    def check(drawn: tuple[Case, frozenset[str]]) -> None:
        case, replaced = drawn
        headers = _made_right(case, SUCCESSES[route](service), replaced)
        answered.add(served.answer(case, AS_DOCUMENTED, headers).status_code)

    places = ["query", "path", *_fields(route)]
    some = st.frozensets(st.sampled_from(places), max_size=2)
    for_each(st.tuples(served.cases(GenerationMode.POSITIVE), some), check)
    assert route.status in answered  # deep enough


def _made_right(case: Case, success: Success, replaced: frozenset[str]) -> dict[str, str]:
    """Make a generated request the one that succeeds, but for the places that were drawn; return its headers."""
    if "path" not in replaced:
        case.path_parameters = _parameters(success)
    if "query" not in replaced:
        case.query = {}
    if success.picture:
        case.body = success.picture
    elif success.body or success.route.takes is not shapes.Nothing:
        generated = case.body if isinstance(case.body, dict) else {}
        others = {name: value for name, value in generated.items() if name in replaced}
        case.body = {**success.body, **others}
    return {**dict(success.headers), **(bearer(success.token) if success.token else {})}


def _parameters(success: Success) -> dict[str, str]:
    parts = zip(success.route.path.split("/"), success.target.split("/"), strict=True)
    return {name.strip("{}"): sent for name, sent in parts if name.startswith("{")}
