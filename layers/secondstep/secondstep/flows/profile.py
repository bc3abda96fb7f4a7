"""Who the token belongs to, read live: for the subscriber, and for an application that cannot wait for `exp`."""

from secondstep.shapes import AuthenticatorAnswer, MeAnswer
from secondstep.subscriber import Subscriber


def describe(subscriber: Subscriber) -> MeAnswer:
    """Return what a subscriber may see of itself; never a secret."""
    return MeAnswer(
        account=subscriber.account,
        login_name=subscriber.login_name,
        sub=subscriber.sub,
        role=subscriber.role.value,
        email=subscriber.email,
        display_name=subscriber.display_name,
        locale=subscriber.locale,
        authenticators=[
            AuthenticatorAnswer(
                id=each.id,
                type="totp",
                name=each.name,
                created_at=each.created_at,
                last_used_at=each.last_used_at,
            )
            for each in subscriber.last_used_first()
        ],
        recovery_codes_left=len(subscriber.recovery_codes),
    )
