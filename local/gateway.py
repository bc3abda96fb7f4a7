"""API Gateway's REST API, as far as its callers and its functions can tell it from the real one.

A WSGI application: it finds the route of template.yaml, asks the authorizer where there is one, calls the handler
with the event of the proxy integration, and shapes the answer. Not acted out: throttles, the 29 s limit, WAF,
caches, access logs, the 10,240 bytes of all headers, request validators.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from werkzeug.test import Client
from werkzeug.wrappers import Response

from local import answers
from local.authorization import Refused, authorize
from local.functions import FunctionFailed, Functions
from local.incoming import BrokenFrame, Incoming, event, incoming
from local.template import Api, Route, Template

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse


class Gateway:
    """The deployed routes, and nothing else."""

    def __init__(self, template: Template, functions: Functions, clock: Callable[[], float] = time.time) -> None:
        self.api: Api = template.api()
        self._functions = functions
        self._clock = clock

    def __call__(self, environ: dict[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request."""
        try:
            request = incoming(environ, self._clock())
        except BrokenFrame:
            return Response("Bad Request", 400)(environ, start_response)
        return self.answer(request)(environ, start_response)

    def client(self) -> Client:
        """Return a client that calls this gateway in process, without a socket."""
        return Client(self)

    def answer(self, request: Incoming) -> Response:
        """Return the answer to one request."""
        if request.body is None:
            return answers.of_gateway("REQUEST_TOO_LARGE", request, self.api)
        found = find_route(self.api.routes, request.method, request.path)
        if found is None:
            return answers.of_gateway("MISSING_AUTHENTICATION_TOKEN", request, self.api)
        route, path_parameters = found
        try:
            return self._integrated(request, route, path_parameters)
        except Refused as refused:
            kind, message = refused.kind, refused.message
            return answers.of_gateway(kind, request, self.api, route=route, message=message)
        except (FunctionFailed, answers.Malformed):
            return answers.of_gateway("DEFAULT_5XX", request, self.api, route=route)

    def _integrated(self, request: Incoming, route: Route, path_parameters: Mapping[str, str]) -> Response:
        proxied = event(request, self.api, route, path_parameters)
        if route.authorizer is not None:
            proxied["requestContext"]["authorizer"] = authorize(
                route.authorizer, proxied, request=request, api=self.api, functions=self._functions
            )
        return answers.of_function(self._functions(route.function, proxied), request, self.api)


def find_route(routes: Iterable[Route], method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """Find the route of a method and path; a literal segment wins over a parameter, as in the resource tree.

    Segments are compared as they were sent, percent-encoded. A slash at the end is ignored. HEAD is not GET.
    """
    segments = path.removesuffix("/").split("/")
    fitting = list(_fitting(routes, segments))
    if not fitting:
        return None
    # The tree is walked before the method is looked at: a literal resource without the method hides the other.
    best = min(fitting, key=lambda one: _rank(one[0].resource))[0].resource
    for route, parameters in fitting:
        if route.resource == best and route.method in (method, "X-AMAZON-APIGATEWAY-ANY-METHOD"):
            return route, parameters
    return None


def _fitting(routes: Iterable[Route], segments: list[str]) -> Iterator[tuple[Route, dict[str, str]]]:
    for route in routes:
        parameters = _matched(route.resource.removesuffix("/").split("/"), segments)
        if parameters is not None:
            yield route, parameters


def _matched(pattern: list[str], segments: list[str]) -> dict[str, str] | None:
    if len(pattern) != len(segments):
        return None
    parameters: dict[str, str] = {}
    for expected, sent in zip(pattern, segments, strict=True):
        if expected.startswith("{"):
            if not sent:
                return None
            parameters[expected.strip("{}")] = sent
        elif expected != sent:
            return None
    return parameters


def _rank(resource: str) -> tuple[bool, ...]:
    return tuple(segment.startswith("{") for segment in resource.split("/"))
