"""Whom a TLS connection believes: Amazon's own roots, or what AWS_CA_BUNDLE names.

Reading a whole store of authorities costs 20 ms and more of every cold start, Amazon's five cost 1. Should an endpoint
ever show a certificate of another authority, the machine's store is read once and asked instead: nothing is accepted
that would not be accepted anyway.
"""

import ssl
from functools import cache
from pathlib import Path

_AMAZON = Path(__file__).with_name("amazon_roots.pem")


def narrow(bundle: str) -> ssl.SSLContext:
    """Return the context that is tried first; `bundle` is the value of AWS_CA_BUNDLE, or empty."""
    return _believing(bundle or str(_AMAZON))


def wide(bundle: str) -> ssl.SSLContext:
    """Return the context for a certificate that the first one does not know."""
    return _believing(bundle) if bundle else _believing_the_machine()


@cache
def _believing(bundle: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # checks the name and asks for a certificate by itself
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(bundle)
    return context


@cache
def _believing_the_machine() -> ssl.SSLContext:
    return ssl.create_default_context()
