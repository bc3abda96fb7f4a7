"""Contact data: only what changes is written, and only over what was read, so that nobody's change is put back."""

from secondstep.store.expression import Write, absent, equals
from secondstep.store.layout import DISPLAY_NAME, EMAIL, LOCALE
from secondstep.subscriber import Subscriber


def write_profile(write: Write, before: Subscriber, after: Subscriber) -> Write:
    """Add to a write the contact data that differs; the write then fails where somebody else has changed it."""
    for attribute, old, new in (
        (EMAIL, before.email, after.email),
        (DISPLAY_NAME, before.display_name, after.display_name),
        (LOCALE, before.locale, after.locale),
    ):
        if old != new:
            write.require(absent(attribute) if old is None else equals((attribute,), old))
            write.set_or_remove((attribute,), new)
    return write
