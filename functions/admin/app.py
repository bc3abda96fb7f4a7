"""The admin routes but the reset, and the console's pages. They stand behind the authorizer, and check again."""

from typing import TYPE_CHECKING

from secondstep import contract, shapes, site_map
from secondstep.flows import administration, directory, invitation, policy
from secondstep.http import App, Call, Tagged
from secondstep.shapes import given
from secondstep.subscriber import canonical_login_name

if TYPE_CHECKING:
    from secondstep.pages.answer import Answer
    from secondstep.pages.browser import Browser

handler = App("tokens")


@handler.route(contract.LIST_SUBSCRIBERS, shapes.Nothing)
def list_subscribers(call: Call[shapes.Nothing]) -> shapes.SubscribersAnswer:
    """Answer a page of the account's subscribers."""
    wanted = call.query(shapes.SubscribersQuery)
    return directory.subscribers(
        call.acting_admin(),
        prefix=wanted.prefix and canonical_login_name(wanted.prefix, field="prefix"),
        status=given(wanted.status),
        enrolled=given(wanted.enrolled),
        cursor=given(wanted.cursor),
        limit=wanted.limit,
        store=call.services.store,
    )


@handler.route(contract.SUMMARY, shapes.Nothing)
def summarize(call: Call[shapes.Nothing]) -> shapes.SummaryAnswer:
    """Answer how many subscribers there are, by state."""
    return directory.summary(call.acting_admin(), store=call.services.store, context=call.context)


@handler.route(contract.INVITE, shapes.InviteRequest)
def invite(call: Call[shapes.InviteRequest]) -> shapes.TicketAnswer:
    """Invite a subscriber of the admin's own account; the ticket is shown once."""
    return invitation.invite(call.body, call.acting_admin(), store=call.services.store, context=call.context)


@handler.route(contract.READ_SUBSCRIBER, shapes.Nothing)
def read(call: Call[shapes.Nothing]) -> shapes.SubscriberAnswer:
    """Answer one subscriber."""
    return administration.read(_named(call), call.acting_admin(), store=call.services.store, context=call.context)


@handler.route(contract.CHANGE_SUBSCRIBER, shapes.ChangeSubscriberRequest)
def change(call: Call[shapes.ChangeSubscriberRequest]) -> shapes.SubscriberAnswer:
    """Change one subscriber, and answer it."""
    return administration.change(
        _named(call), call.body, call.acting_admin(), store=call.services.store, context=call.context
    )


@handler.route(contract.DELETE_SUBSCRIBER, shapes.Nothing)
def delete(call: Call[shapes.Nothing]) -> None:
    """Remove one subscriber."""
    administration.delete(_named(call), call.acting_admin(), store=call.services.store, context=call.context)


@handler.route(contract.RESET_PASSWORD, shapes.ReasonRequest)
def reset_password(call: Call[shapes.ReasonRequest]) -> shapes.TicketAnswer:
    """Answer a password ticket, shown once."""
    return administration.reset_password(
        _named(call), call.body.reason, call.acting_admin(), store=call.services.store, context=call.context
    )


@handler.route(contract.UNLOCK, shapes.Nothing)
def unlock(call: Call[shapes.Nothing]) -> shapes.SubscriberAnswer:
    """Clear the budgets of one subscriber, and answer it."""
    return administration.unlock(_named(call), call.acting_admin(), store=call.services.store, context=call.context)


@handler.route(contract.READ_POLICY, shapes.Nothing)
def read_policy(call: Call[shapes.Nothing]) -> Tagged:
    """Answer the policy with its ETag."""
    return Tagged(*policy.explain(call.acting_admin().account, store=call.services.store))


@handler.route(contract.REPLACE_POLICY, shapes.PolicyRequest)
def replace_policy(call: Call[shapes.PolicyRequest]) -> Tagged:
    """Replace the policy that `If-Match` names, and answer it with its new ETag."""
    actor, if_match = call.acting_admin(), call.header("if-match")
    return Tagged(*policy.replace(call.body, if_match, actor, store=call.services.store, context=call.context))


@handler.route(contract.SET_LOGO, shapes.PictureRequest)
def set_logo(call: Call[shapes.PictureRequest]) -> shapes.PictureAnswer:
    """Set the account's picture."""
    return policy.set_logo(call.body.png, call.acting_admin(), store=call.services.store, context=call.context)


@handler.route(contract.AUDIT, shapes.Nothing)
def audit(call: Call[shapes.Nothing]) -> shapes.EventsAnswer:
    """Answer a page of the account's events."""
    wanted = call.query(shapes.EventsQuery)
    return directory.events(
        call.acting_admin(),
        login_name=given(wanted.login_name),
        since=given(wanted.since),
        until=given(wanted.until),
        event=given(wanted.event),
        cursor=given(wanted.cursor),
        limit=wanted.limit,
        store=call.services.store,
    )


def _named[Body: shapes.Request](call: Call[Body]) -> str:
    return canonical_login_name(call.path_parameter("login_name"))


@handler.page(site_map.SHOW_PEOPLE)
def show_people(browser: "Browser") -> "Answer":
    """Show who belongs to the account."""
    from secondstep.pages import console_people

    return console_people.show(browser)


@handler.page(site_map.SUBMIT_PEOPLE)
def submit_people(browser: "Browser") -> "Answer":
    """Search the list, open a subscriber, or invite one."""
    from secondstep.pages import console_people

    return console_people.submit(browser)


@handler.page(site_map.SHOW_SUBSCRIBER)
def show_subscriber(browser: "Browser") -> "Answer":
    """Show one subscriber."""
    from secondstep.pages import console_subscriber

    return console_subscriber.show(browser)


@handler.page(site_map.SUBMIT_SUBSCRIBER)
def submit_subscriber(browser: "Browser") -> "Answer":
    """Do what a button of the subscriber's page says."""
    from secondstep.pages import console_subscriber

    return console_subscriber.submit(browser)


@handler.page(site_map.SHOW_POLICY)
def show_policy(browser: "Browser") -> "Answer":
    """Show the policy."""
    from secondstep.pages import console_policy

    return console_policy.show(browser)


@handler.page(site_map.SUBMIT_POLICY)
def submit_policy(browser: "Browser") -> "Answer":
    """Replace the policy."""
    from secondstep.pages import console_policy

    return console_policy.submit(browser)


@handler.page(site_map.SHOW_LOGO)
def show_logo(browser: "Browser") -> "Answer":
    """Show the account's picture."""
    from secondstep.pages import console_logo

    return console_logo.show(browser)


@handler.page(site_map.SUBMIT_LOGO)
def submit_logo(browser: "Browser") -> "Answer":
    """Set the account's picture, or remove it."""
    from secondstep.pages import console_logo

    return console_logo.submit(browser)


@handler.page(site_map.SHOW_AUDIT)
def show_audit(browser: "Browser") -> "Answer":
    """Show what happened."""
    from secondstep.pages import console_audit

    return console_audit.show(browser)


@handler.page(site_map.SUBMIT_AUDIT)
def submit_audit(browser: "Browser") -> "Answer":
    """Filter what happened."""
    from secondstep.pages import console_audit

    return console_audit.submit(browser)
