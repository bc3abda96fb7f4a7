"""The whole service in one process: cloud, clock, handlers, gateway, seeds. What `make local` and the tests start."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Self

from local.clock import LocalClock
from local.cloud import Cloud
from local.functions import Functions
from local.gateway import Gateway
from local.lambda_service import LambdaService
from local.local_routes import LocalRoutes
from local.seeds import Seeds
from local.template import TEMPLATE, Template
from secondstep import wiring
from secondstep.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

    from local.deliveries import Mail

ORIGINS = "http://localhost:*"
NOTICE_FROM = "no-reply@secondstep.example"
_ROTATION = "RotateFunction"


class LocalService:
    """Start it, seed it, call `gateway` (deployed routes) or `application` (with `/_local/…`); nothing is kept.

    With `post` the events go out as well, after each request, and it is given the mails that would be sent.
    """

    def __init__(
        self,
        *,
        public_url: str,
        environment: Mapping[str, str] | None = None,
        template: Path = TEMPLATE,
        post: "Callable[[Mail], object] | None" = None,
    ) -> None:
        parameters = {"PublicUrl": public_url, "AllowedOrigins": ORIGINS, "NoticeFrom": NOTICE_FROM if post else ""}
        self.template = Template.load(template, parameters)
        self.cloud = Cloud(self.template, environment, streams=post is not None)
        self.clock = LocalClock()
        self.functions = Functions(self.template)
        self.cloud.lambdas = LambdaService(self.functions)
        self.gateway = Gateway(self.template, self.functions, self.clock)
        self.deliveries = self._deliveries(post) if post else None
        self.application = LocalRoutes(self._answer, self.clock, self.reset)
        self.seeds = Seeds()
        self._resetting = Lock()

    def _deliveries(self, post: "Callable[[Mail], object]") -> Any:
        from local.deliveries import Deliveries  # moto's EventBridge is loaded only where it is asked for

        return Deliveries(self.template, self.functions, lambda: self.cloud.stream("AuditTable"), post)

    def _answer(self, environ: dict[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
        answer = self.gateway(environ, start_response)
        if self.deliveries:
            self.deliveries.deliver()
        return answer

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the cloud, and load the handlers into it; there is no signing key and no account yet."""
        self.cloud.start()
        self.install()
        self.functions.load()

    def stop(self) -> None:
        """Forget everything."""
        wiring.install(None)
        self.cloud.stop()

    def install(self) -> None:
        """Give the handlers fresh parts with this clock: new clients, empty caches."""
        settings = Settings.from_environment(self.cloud.environment)
        wiring.install(wiring.build(settings, clock=self.clock, events=self.deliveries, ses=self.deliveries))

    def make_signing_key(self) -> None:
        """Have the first signing key made by the function that makes it in a deployment."""
        self.functions(_ROTATION, {})

    def seed(self) -> None:
        """Make the first signing key and the demo account."""
        self.make_signing_key()
        self.seeds.write(wiring.services(), self.cloud.client("dynamodb"))

    def forget(self) -> None:
        """Empty the tables and the caches, and set the clock right."""
        self.clock.reset()
        self.cloud.forget()
        self.install()

    def reset(self) -> None:
        """Return to the seeds."""
        with self._resetting:
            self.forget()
            self.seed()
