"""Secondstep: the second login step, serverless.

Directions of import: functions → http, wiring, flows → authenticators, challenge, session, throttle, store,
keys, audit → records, errors, settings. `tests/test_architecture.py` holds them.
"""

__version__ = "0.1.0"
