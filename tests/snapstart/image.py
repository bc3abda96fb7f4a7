"""A function from INIT to its copies, as Lambda has it with SnapStart: `python -m tests.snapstart.image FUNCTION`.

A copy is a raw `clone(2)`, in which nobody is told: `os.fork` would have Python seed `random` anew, and OpenSSL notices
a fork by its process id. So image and copies are each the first process of a namespace of their own, with the same id.

Spoken with over standard input and output: a JSON line (what to do) each way. The hooks are run by AWS's own runtime.
"""

import ctypes
import importlib
import json
import os
import platform
import random
import signal
import ssl
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

_CLONE = {"x86_64": 56, "aarch64": 220}

type Json = dict[str, Any]


def main() -> None:
    """Be the image: INIT, the hook before, and a copy for each line that comes in."""
    os.unshare(os.CLONE_NEWUSER)  # where anybody may have namespaces of processes
    _run(_image)


def _image() -> None:
    asked = _heard()
    function = importlib.import_module(f"functions.{asked['function']}.app")
    for each in asked.get("then", ()):
        _HASTE[each]()
    _say(_at_the_snapshot(asked))
    for line in sys.stdin:
        _run(partial(_copy, function, json.loads(line)))


def _copy(function: Any, told: Json) -> None:
    _say(_restored(function, told))


def _at_the_snapshot(asked: Json) -> Json:
    modules = sorted(sys.modules)
    from awslambdaric import lambda_runtime_hooks_runner

    try:
        lambda_runtime_hooks_runner.run_before_snapshot()
    except Exception as refused:  # noqa: BLE001 - as the runtime does: the version is not published then
        return {"refused": type(refused).__name__}
    if "dump" in asked:
        _dump(Path(asked["dump"]))
    return {"pid": os.getpid(), "sockets": _sockets(), "modules": modules}


def _restored(function: Any, told: Json) -> Json:
    """Be a copy: the hook after, then draw from everything that draws, and answer a request."""
    if told.get("hooks", True):
        from awslambdaric import lambda_runtime_hooks_runner

        lambda_runtime_hooks_runner.run_after_restore()
    drawn = _drawn()
    answered = None
    if "event" in told:
        with redirect_stdout(StringIO()):
            answered = function.handler(told["event"], _Context())
    if "dump" in told:
        _open_the_signing_key()
        _dump(Path(told["dump"]))
    return {"pid": os.getpid(), "drawn": drawn, "answered": answered}


class _Context:
    aws_request_id = "5f1c1a3e-0000-4000-8000-000000000000"


def _drawn() -> Json:
    """Return something new of each kind: `guessable` by whoever has the image, unless it was seeded, and the rest."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    from secondstep import challenge, oauth, secret_text, ticket
    from secondstep.authenticators import password, recovery_codes, totp
    from secondstep.subscriber import Purpose, new_epoch, new_id

    pair = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return {
        "jitter": random.random(),
        "tls": ssl.RAND_bytes(16).hex(),
        "rsa": str(pair.public_key().public_numbers().n),
        "challenge": challenge.open_challenge("0" * 32, Purpose.VERIFY, epoch=b"", now=0)[0],
        "code": oauth.new_code(),
        "ticket": ticket.issue(now=0, ttl_seconds=1)[0],
        "secret_text": secret_text.generate(),
        "salt": password.hash_password("correct horse battery staple").split("$")[4],
        "recovery_codes": recovery_codes.issue("sub")[0],
        "secret": totp.new_secret().base32,
        "epoch": new_epoch().hex(),
        "id": new_id(),
    }


def _open_the_signing_key() -> None:
    from secondstep import wiring

    made = wiring.services()
    made.keyring.signing_key(int(made.clock()))


def _draw_from_tls() -> None:
    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _draw_from_cryptography() -> None:
    from cryptography.hazmat.primitives.asymmetric import rsa

    rsa.generate_private_key(public_exponent=65537, key_size=2048)


# What an INIT might do that should not.
_HASTE: dict[str, Callable[[], None]] = {
    "open the signing key": _open_the_signing_key,
    "draw from TLS": _draw_from_tls,
    "draw from cryptography": _draw_from_cryptography,
}


def _run(work: Callable[[], object]) -> None:
    """Do something in a copy of this process and wait for its end."""
    call = ctypes.PyDLL(None, use_errno=True).syscall  # keeps Python's lock: nothing else runs meanwhile
    pid = call(_CLONE[platform.machine()], ctypes.c_long(os.CLONE_NEWPID | signal.SIGCHLD), 0, 0, 0, 0)
    if pid < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    if pid:
        os.waitpid(pid, 0)
        return
    status = 1
    try:
        work()
        status = 0
    except BaseException:  # noqa: BLE001 - a copy must never go on as its image
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _sockets() -> int:
    """Return how many sockets this process has open."""
    links = (each.readlink() for each in Path("/proc/self/fd").iterdir() if each.is_symlink())
    return sum(str(each).startswith("socket:") for each in links)


def _dump(place: Path) -> None:
    """Write all the memory that this process may write."""
    with place.open("wb") as kept, Path("/proc/self/mem").open("rb", buffering=0) as memory:
        for line in Path("/proc/self/maps").read_text("utf-8").splitlines():
            span, rights, *_ = line.split()
            if not rights.startswith("rw") or "[v" in line:
                continue
            start, end = (int(each, 16) for each in span.split("-"))
            memory.seek(start)
            while start < end and (piece := memory.read(min(end - start, 1 << 20))):
                kept.write(piece)
                start += len(piece)


def _heard() -> Json:
    told: Json = json.loads(sys.stdin.readline())
    return told


def _say(said: Json) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
