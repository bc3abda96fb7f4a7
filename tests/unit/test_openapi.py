"""The served document is valid OpenAPI 3.1 and says all that the contract says."""

import json
from typing import Any

import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from secondstep import contract, openapi, shapes
from secondstep.contract import Route
from tests.unit import refusals
from tests.unit.records import ISSUER

DOCUMENT = openapi.document(ISSUER)

each_route = pytest.mark.parametrize("route", contract.ROUTES, ids=lambda route: f"{route.method} {route.path}")


def operation(route: Route) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["paths"][route.path][route.method.lower()]
    return found


def codes(response: dict[str, Any]) -> list[str]:
    found: list[str] = response["content"]["application/problem+json"]["schema"]["allOf"][1]["properties"]["code"][
        "enum"
    ]
    return found


def test_the_document_is_valid_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    validate(json.loads(json.dumps(DOCUMENT)), cls=OpenAPIV31SpecValidator)


def test_it_names_exactly_the_routes_of_the_contract() -> None:
    served = {(method, path) for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert served == {(route.method.lower(), route.path) for route in contract.ROUTES}


def test_no_two_routes_of_the_contract_are_the_same() -> None:
    assert len({(route.method, route.path) for route in contract.ROUTES}) == len(contract.ROUTES)


@each_route
def test_a_route_names_each_code_that_it_can_refuse_with_under_its_status(route: Route) -> None:
    responses = operation(route)["responses"]
    for refusal in (*route.refusals, *contract.EVERYWHERE):
        assert refusal.code in codes(responses[str(refusal.status)])


@each_route
def test_a_route_names_no_other_answer(route: Route) -> None:
    named = {
        (int(status), code)
        for status, response in operation(route)["responses"].items()
        if int(status) >= 400
        for code in codes(response)
    }
    assert named == {(each.status, each.code) for each in (*route.refusals, *contract.EVERYWHERE)}
    assert {status for status in operation(route)["responses"] if int(status) < 400} == {str(route.status)}


@each_route
def test_a_route_says_what_it_takes_and_answers(route: Route) -> None:
    described = operation(route)
    assert ("requestBody" in described) == (route.takes is not shapes.Nothing)
    assert ("content" in described["responses"][str(route.status)]) == (route.answers is not None)
    assert (route.status == 204) == (route.answers is None)
    assert described["summary"] == route.summary


@each_route
def test_a_route_that_wants_a_bearer_token_says_so_and_can_refuse_it(route: Route) -> None:
    security = operation(route).get("security", [])
    assert ({"bearer": []} in security) == (route.bearer != "none" or route.is_bearer_optional)
    if security:
        assert "invalid_token" in codes(operation(route)["responses"]["401"])


def test_a_refresh_token_ends_a_session_and_a_challenge_is_verified_without_a_bearer_token() -> None:
    """A client made from the document would else send one always: 400 at `/logout`, and never a first login."""
    without = [route for route in contract.ROUTES if {} in operation(route).get("security", [{}])]
    assert [route for route in without if "security" in operation(route)] == [contract.VERIFY, contract.LOGOUT]


@each_route
def test_every_parameter_of_a_path_is_declared(route: Route) -> None:
    declared = {each["name"] for each in operation(route).get("parameters", []) if each["in"] == "path"}
    assert declared == {part[1:-1] for part in route.path.split("/") if part.startswith("{")}


@each_route
def test_a_request_takes_no_unknown_field(route: Route) -> None:
    if route.takes is shapes.Nothing or route.media_type != contract.JSON:
        return
    schema = operation(route)["requestBody"]["content"]["application/json"]["schema"]
    named = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    assert named["additionalProperties"] is False


@each_route
def test_a_body_is_of_the_one_media_type_that_the_route_takes(route: Route) -> None:
    if route.takes is shapes.Nothing:
        return
    body = operation(route)["requestBody"]
    assert body["required"] is True
    assert list(body["content"]) == [route.media_type]


def test_a_picture_is_sent_as_it_is() -> None:
    """OpenAPI 3.1: a body that is one binary file has a media type and no schema."""
    assert operation(contract.SET_LOGO)["requestBody"]["content"] == {"image/png": {}}


@each_route
def test_every_parameter_of_a_query_is_declared_and_may_be_left_out(route: Route) -> None:
    declared = {each["name"]: each for each in operation(route).get("parameters", []) if each["in"] == "query"}
    assert set(declared) == {field.encode_name for field in msgspec.structs.fields(route.query)}
    assert not any(each["required"] for each in declared.values())


def test_a_verification_answers_a_session_or_what_was_added() -> None:
    answer = operation(contract.VERIFY)["responses"]["200"]["content"]["application/json"]["schema"]
    named = [each["$ref"].rpartition("/")[2] for each in answer["anyOf"]]
    assert named == ["SessionAnswer", "AddedAnswer"]
    schemas = DOCUMENT["components"]["schemas"]
    assert "access_token" in schemas["SessionAnswer"]["required"]
    assert set(schemas["AddedAnswer"]["properties"]) == {"authenticator", "recovery_codes_left"}


def test_only_the_change_of_the_policy_wants_a_precondition() -> None:
    wanting = [route for route in contract.ROUTES if {"412", "428"} & set(operation(route)["responses"])]
    assert wanting == [contract.REPLACE_POLICY]
    assert {"412", "428"} <= set(operation(contract.REPLACE_POLICY)["responses"])


def test_the_precondition_and_where_it_comes_from_are_described() -> None:
    headers = [each for each in operation(contract.REPLACE_POLICY).get("parameters", []) if each["in"] == "header"]
    assert [each["name"] for each in headers] == ["If-Match"]
    for route in (contract.READ_POLICY, contract.REPLACE_POLICY):
        assert "ETag" in operation(route)["responses"]["200"]["headers"]


def test_an_admins_write_can_ask_for_a_fresh_authentication() -> None:
    for route in contract.ROUTES:
        if route.bearer == "admin" and route.method != "GET":
            assert {"step_up_required", "invalid_token"} <= set(codes(operation(route)["responses"]["401"]))
            assert "forbidden" in codes(operation(route)["responses"]["403"])


def test_every_code_of_the_service_is_named_somewhere() -> None:
    named = {
        code
        for methods in DOCUMENT["paths"].values()
        for each in methods.values()
        for status, response in each["responses"].items()
        if int(status) >= 400
        for code in codes(response)
    }
    assert named == {each.code for each in refusals.every_class()}


@pytest.mark.parametrize("refusal", refusals.MADE, ids=lambda each: each.code)
def test_every_member_of_a_refusal_is_described(refusal: Any) -> None:
    assert set(refusal.members()) <= set(DOCUMENT["components"]["schemas"]["Problem"]["properties"])


def test_the_server_is_the_issuer() -> None:
    assert DOCUMENT["servers"] == [{"url": ISSUER}]


def test_operations_have_names_of_their_own() -> None:
    named = [each["operationId"] for methods in DOCUMENT["paths"].values() for each in methods.values()]
    assert len(named) == len(set(named))
