"""AWS over HTTP for the CLI and `sam local`: signed requests, handed to the same moto that the handlers use.

There is no browser in this: only signed requests are taken, and no answer carries CORS headers, so a web page that
happens to be open can neither read nor change anything here.
"""

import json
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSPreparedRequest
from botocore.compat import HTTPHeaders
from moto.core.models import botocore_stubber
from werkzeug.wrappers import Request, Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

# Authorization: AWS4-HMAC-SHA256 Credential=<key>/<date>/<region>/<service>/aws4_request, …
_SCOPE = re.compile(r"^AWS4-[\w-]+ Credential=[^/]+/\d{8}/(?P<region>[a-z0-9-]+)/(?P<service>[a-z0-9-]+)/aws4_request")
_OF_THE_CONNECTION = frozenset(("connection", "content-length", "date", "server", "status", "transfer-encoding"))


class AwsDoor:
    """A WSGI application that speaks AWS; the signature itself is not checked."""

    def __call__(self, environ: dict[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one call."""
        return _answer(Request(environ))(environ, start_response)


def _answer(request: Request) -> Response:
    scope = _SCOPE.match(request.headers.get("Authorization", ""))
    if scope is None:
        return _refused(403, "MissingAuthenticationToken", "This is AWS for signed requests (the CLI, an SDK).")
    reply = botocore_stubber.process_request(_at_aws(request, scope["service"], scope["region"]))
    if reply is None:
        return _refused(404, "UnknownOperation", f"The local cloud has no {scope['service']}.")
    status, headers, body = reply
    kept = [(name, str(value)) for name, value in headers.items() if name.lower() not in _OF_THE_CONNECTION]
    return Response(body, int(status), kept)


def _at_aws(request: Request, service: str, region: str) -> AWSPreparedRequest:
    """Return the request as an SDK would send it to AWS itself: moto finds the service by the host name."""
    target = str(request.environ.get("RAW_URI") or request.full_path)
    headers = HTTPHeaders()
    for name, value in request.headers.items():
        if name.lower() != "host":
            headers[name] = value
    url = f"https://{service}.{region}.amazonaws.com{target}"
    return AWSPreparedRequest(request.method, url, headers, request.get_data(), stream_output=False)


def _refused(status: int, code: str, message: str) -> Response:
    return Response(json.dumps({"__type": code, "message": message}), status, content_type="application/x-amz-json-1.0")
