"""From a record to what may be shown of it: never a secret, a hash, a ciphertext or a budget's inside."""

from secondstep.shapes import AuthenticatorAnswer, MeAnswer
from secondstep.subscriber import Subscriber


def authenticators(subscriber: Subscriber) -> list[AuthenticatorAnswer]:
    """Return the bound authenticators, last used first."""
    return [
        AuthenticatorAnswer(
            id=each.id,
            type="totp",
            name=each.name,
            created_at=each.created_at,
            last_used_at=each.last_used_at,
        )
        for each in subscriber.last_used_first()
    ]


def oneself(subscriber: Subscriber) -> MeAnswer:
    """Return what a subscriber sees of itself."""
    return MeAnswer(
        account=subscriber.account,
        login_name=subscriber.login_name,
        sub=subscriber.sub,
        role=subscriber.role.value,
        email=subscriber.email,
        display_name=subscriber.display_name,
        locale=subscriber.locale,
        authenticators=authenticators(subscriber),
        recovery_codes_left=len(subscriber.recovery_codes),
    )
