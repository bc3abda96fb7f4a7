"""What may not be in two environments at once: with SnapStart one INIT is the beginning of them all.

Lambda runs INIT when a version is published, keeps an image of the memory, and restores every environment from it, a
minute later or weeks later ("Improving startup performance with Lambda SnapStart", Lambda Developer Guide). What is in
the image is in each of them. So INIT loads code and asks nobody: no connection whose TLS keys two environments would
share, no credentials, no signing key to come back after it was retired, no clock's error, no account's policy. An image
that has its parts all the same is refused, and with it the version: memory that was given back still holds them.

What draws at random after a restore, and from where:

- what is secret or must be one of its kind (challenges, sessions, codes, TOTP secrets, salts, ids, epochs): `secrets`
  and `os.urandom`, which is the kernel's generator. Lambda keeps that unique ("Handling uniqueness with Lambda
  SnapStart");
- the pause before a second attempt: `random`, whose state is in the image. Seeded anew;
- TLS: Python's OpenSSL, whose generator is in the image where INIT has drawn from it. Seeded anew;
- an RSA key's blinding, and the pair that a rotation makes: `cryptography`'s own OpenSSL, which nobody can seed from
  here. Nothing draws from it in INIT (tests/snapstart), so each environment's first draw seeds it from the kernel.
  Rotation gains nothing by SnapStart and has none: a draw in its INIT would make the same key twice.
"""

import os
import random
import ssl
from collections.abc import Callable

from snapshot_restore_py import register_after_restore, register_before_snapshot

_SEED_BYTES = 48


class TooEarly(Exception):
    """INIT has made the parts that every environment makes for itself; the version is not published."""


def expect(*, has_parts: Callable[[], bool], begin: Callable[[], object]) -> None:
    """Have the image refused if it `has_parts`, and each environment that is restored from it `begin` as a new one."""
    register_before_snapshot(_refuse_parts, has_parts)
    register_after_restore(_begin_anew, begin)


def _refuse_parts(has_parts: Callable[[], bool]) -> None:
    if has_parts():
        raise TooEarly


def _begin_anew(begin: Callable[[], object]) -> None:
    random.seed()
    ssl.RAND_add(os.urandom(_SEED_BYTES), 0.0)  # reseeds from the kernel as well, and says so to each thread's own
    begin()
