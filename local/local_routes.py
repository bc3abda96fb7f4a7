"""`/_local/…`: the routes of the local run alone, in front of the gateway; no deployment has them."""

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from local.clock import LocalClock

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

PREFIX = "/_local/"
FURTHEST = 10 * 365 * 24 * 60 * 60  # ten years: no date of the service leaves its range


class LocalRoutes:
    """Answers `/_local/clock` and `/_local/reset`, and passes all else on."""

    def __init__(self, gateway: "WSGIApplication", clock: LocalClock, reset: Callable[[], None]) -> None:
        self._gateway = gateway
        self._clock = clock
        self._routes: dict[str, Callable[[Request], Response]] = {
            PREFIX + "clock": self._move_clock,
            PREFIX + "reset": self._reset,
        }
        self._return_to_seeds = reset

    def __call__(self, environ: dict[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request."""
        if not environ["PATH_INFO"].startswith(PREFIX):
            return self._gateway(environ, start_response)
        return self._answer(Request(environ))(environ, start_response)

    def _answer(self, request: Request) -> Response:
        route = self._routes.get(request.path)
        if route is None:
            return _problem(404, "not_found", f"There are {' and '.join(self._routes)}.")
        if request.method != "POST":
            return _problem(405, "invalid_request", "Use POST.")
        return route(request)

    def _move_clock(self, request: Request) -> Response:
        body = request.get_json(force=True, silent=True)
        seconds = body.get("advance_seconds") if isinstance(body, dict) and len(body) == 1 else None
        if not isinstance(seconds, int) or isinstance(seconds, bool) or abs(seconds) > FURTHEST:
            return _problem(400, "invalid_request", 'Send {"advance_seconds": n}, a whole number, at most ten years.')
        return Response(json.dumps({"now": int(self._clock.advance(seconds))}), content_type="application/json")

    def _reset(self, _: Request) -> Response:
        self._return_to_seeds()
        return Response(status=204)


def _problem(status: int, code: str, detail: str) -> Response:
    problem = {"type": f"urn:secondstep:problem:{code}", "status": status, "code": code, "detail": detail}
    return Response(json.dumps(problem), status, content_type="application/problem+json")
