"""Notices by mail: who is told of what, once, in which words; and what no mail ever says."""

import re
from collections.abc import Callable
from string import Formatter
from typing import Any

import boto3
import msgspec
import pytest
from moto.ses.models import ses_backends

from local.deliveries import Mail
from local.functions import FunctionFailed
from local.template import REGION
from secondstep.account import Policy
from secondstep.announcement import Announcement, announce
from secondstep.audit import EventName, Operator, Outcome, event_about, event_by
from secondstep.audit import Person as Named
from secondstep.aws import Answer, AwsUnavailable
from secondstep.boto3_client import Boto3Ses
from secondstep.context import RequestContext
from secondstep.flows.notification import notify
from secondstep.mailer import Mailer
from secondstep.notices import letter
from secondstep.notices.catalogue import CATALOGUE, FALLBACK, Wording
from secondstep.notices.occasions import Notice
from secondstep.store.layout import notice_key
from tests import templates
from tests.outside import Outside
from tests.recording import Called
from tests.service import PASSWORD, SOURCE, Person, Service

ADDRESS = "agent@example.test"


@pytest.fixture
def outside(service: Service) -> Outside:
    return Outside(service)


@pytest.fixture
def told(service: Service) -> Person:
    """Return a subscriber with an authenticator and a mail address."""
    return service.bound_person("told", email=ADDRESS)


def subjects(mails: list[Mail]) -> list[str]:
    return [each.subject.removeprefix("Acme Support: ") for each in mails]


def subject(notice: Notice) -> str:
    return CATALOGUE["en"].subjects[notice]


def context(service: Service) -> RequestContext:
    return RequestContext(
        now=service.now(),
        milliseconds=service.now() * 1000,
        source=SOURCE,
        charged_address=None,
        request_id="r",
        issuer="https://login.example.test",
    )


def event(service: Service, person: Person, name: EventName, **detail: Any) -> Announcement:
    about = event_about(service.record(person), name, Outcome.SUCCESS, context(service), detail=detail)
    return announce(about)


def fail_second_step(service: Service, person: Person, times: int) -> None:
    for number in range(times):
        if number % 5 == 0:
            challenge = service.challenge(person)
        assert service.verify(challenge, service.wrong_code(person)).status == 401


# --- changes


def test_an_enrollment_is_told_with_time_and_address(service: Service, outside: Outside) -> None:
    person = service.person("new", email=ADDRESS)
    service.bind(person)
    [mail] = outside.deliver()
    assert mail.recipient == ADDRESS
    assert mail.subject == f"Acme Support: {subject(Notice.ENROLLED)}"
    assert f"From: {SOURCE}" in mail.text
    assert re.search(r"^When: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$", mail.text, re.MULTILINE)
    assert "Ask an admin of your account." in mail.text


def test_a_reset_is_told_to_whom_it_happened_by_whom_and_never_from_which_address(
    service: Service, outside: Outside, told: Person, admin_token: str
) -> None:
    outside.deliver()
    service.reset(admin_token, told.login_name)
    [mail] = outside.deliver()
    assert subjects([mail]) == [subject(Notice.RESET)]
    assert "By: boss" in mail.text
    assert SOURCE not in mail.text


def test_a_recovery_code_is_told(service: Service, outside: Outside, told: Person) -> None:
    body = {"challenge": service.challenge(told), "recovery_code": told.recovery_codes[0]}
    service.post("/verify", body)
    assert subjects(outside.deliver()) == [subject(Notice.RECOVERY_CODE_USED)]


@pytest.mark.parametrize(
    "notice",
    [
        Notice.AUTHENTICATOR_ADDED,
        Notice.AUTHENTICATOR_REMOVED,
        Notice.RECOVERY_CODES_RENEWED,
        Notice.PASSWORD_SET,
        Notice.PASSWORD_CHANGED,
    ],
)
def test_a_change_of_factor_or_password_is_told(
    service: Service, outside: Outside, told: Person, notice: Notice
) -> None:
    happened = msgspec.structs.replace(event(service, told, EventName.PASSWORD_SET), event=notice.value)
    sent = notify(happened, **parts(service, outside))
    assert sent == [notice]
    assert subjects(outside.mails) == [subject(notice)]


def parts(service: Service, outside: Outside) -> dict[str, Any]:
    return {"store": service.services.store, "mailer": Mailer(outside, templates.NOTICE_FROM)}


@pytest.mark.parametrize(
    "detail",
    [
        {"old_email": "old@example.test"},
        {"old": {"email": "old@example.test"}, "new": {"email": ADDRESS}},
        {"old": {"email": "old@example.test"}, "new": {}},
    ],
)
def test_a_changed_address_is_told_to_the_old_one(
    service: Service, outside: Outside, told: Person, detail: dict[str, Any]
) -> None:
    changed = event(service, told, EventName.PROFILE_CHANGED, **detail)
    assert notify(changed, **parts(service, outside)) == [Notice.EMAIL_CHANGED]
    assert [each.recipient for each in outside.mails] == ["old@example.test"]


def test_another_change_of_the_profile_is_not_told(service: Service, outside: Outside, told: Person) -> None:
    changed = event(service, told, EventName.PROFILE_CHANGED, old={"locale": "en"}, new={"locale": "de"})
    assert notify(changed, **parts(service, outside)) == []


def test_where_there_was_no_old_address_a_login_name_that_is_one_is_told(service: Service, outside: Outside) -> None:
    person = service.bound_person("kim@example.test", email="new@example.test")
    changed = event(service, person, EventName.PROFILE_CHANGED, old={}, new={"email": "new@example.test"})
    notify(changed, **parts(service, outside))
    assert [each.recipient for each in outside.mails] == ["kim@example.test"]


def test_what_the_operator_did_is_told_as_that(service: Service, outside: Outside, told: Person) -> None:
    operator = Operator("arn:aws:iam::1:user/ops")
    subject_of = Named(told.sub, told.login_name)
    by = event_by(operator, subject_of, "acme", EventName.RESET, Outcome.SUCCESS, context(service), reason="lost")
    notify(announce(by), **parts(service, outside))
    [mail] = outside.mails
    assert "By: the operator of the service" in mail.text
    assert "arn:" not in mail.text


# --- to whom


def test_a_login_name_that_is_an_address_is_written_to(service: Service, outside: Outside) -> None:
    person = service.person("kim@example.test")
    service.bind(person)
    assert [each.recipient for each in outside.deliver()] == ["kim@example.test"]


def test_without_an_address_there_is_the_event_only(service: Service, outside: Outside, agent: Person) -> None:
    service.bind(agent)
    assert outside.deliver() == []
    assert [each["DetailType"] for each in outside.entries] == ["enrolled"]


def test_who_got_a_deleted_name_is_not_told_of_the_past(service: Service, outside: Outside, told: Person) -> None:
    past = event(service, told, EventName.PASSWORD_SET)
    service.bound_person(told.login_name, email="other@example.test")
    assert notify(past, **parts(service, outside)) == []


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "agent",
        "a@b",
        "a@b.c,d@e.f",
        "a b@c.de",
        "<a@b.cd>",
        "a@b.cd\nBcc: e@f.gh",
        "é@example.test",
        "a" * 250 + "@b.cd",
    ],
)
def test_what_is_not_one_plain_address_is_none(text: str | None) -> None:
    assert letter.as_address(text) is None


# --- bursts


def test_five_wrong_codes_after_the_right_password_are_told_once(
    service: Service, outside: Outside, told: Person
) -> None:
    fail_second_step(service, told, 4)
    assert outside.deliver() == []
    fail_second_step(service, told, 4)
    assert subjects(outside.deliver()) == [subject(Notice.SECOND_STEP_FAILED)]


def test_delivered_one_by_one_or_all_at_once_it_is_one_notice(service: Service, outside: Outside, told: Person) -> None:
    for _ in range(9):
        fail_second_step(service, told, 1)
        outside.deliver()
    assert subjects(outside.mails) == [subject(Notice.SECOND_STEP_FAILED)]


def test_a_burst_an_hour_later_is_told_again(service: Service, outside: Outside, told: Person) -> None:
    fail_second_step(service, told, 5)
    outside.deliver()
    service.clock.advance(3601)
    fail_second_step(service, told, 4)
    assert outside.deliver() == []
    fail_second_step(service, told, 1)
    assert subjects(outside.deliver()) == [subject(Notice.SECOND_STEP_FAILED)]


def test_the_owners_logins_do_not_hide_who_guesses_between_them(
    service: Service, outside: Outside, told: Person
) -> None:
    for _ in range(2):
        fail_second_step(service, told, 3)
        service.session(told)
        service.clock.advance(30)
    assert subject(Notice.SECOND_STEP_FAILED) in subjects(outside.deliver())


def test_a_login_after_five_failures_is_told(service: Service, outside: Outside, told: Person) -> None:
    for _ in range(3):
        service.log_in(told, "wrong")
    fail_second_step(service, told, 2)
    service.session(told)
    assert subjects(outside.deliver()) == [subject(Notice.LOGIN_AFTER_FAILURES)]
    service.clock.advance(60)
    service.session(told)
    assert outside.deliver() == []


def test_a_login_after_four_failures_is_an_ordinary_one(service: Service, outside: Outside, told: Person) -> None:
    for _ in range(4):
        service.log_in(told, "wrong")
    service.session(told)
    assert outside.deliver() == []


def test_failures_of_more_than_an_hour_ago_are_forgotten(service: Service, outside: Outside, told: Person) -> None:
    for _ in range(5):
        service.log_in(told, "wrong")
    service.clock.advance(3700)
    service.session(told)
    assert outside.deliver() == []


def test_a_login_by_password_alone_after_five_failures_is_told(service: Service, outside: Outside) -> None:
    service.account(mfa_required=False)
    person = service.person("kim@example.test")
    for _ in range(5):
        service.log_in(person, "wrong")
    assert service.log_in(person).body["next"] == "done"
    assert subjects(outside.deliver()) == [subject(Notice.LOGIN_AFTER_FAILURES)]


def test_refused_passwords_alone_reach_nobody(service: Service, outside: Outside, told: Person) -> None:
    """Whoever is on the network can cause them: no mail, and the mail function is not even asked."""
    for _ in range(8):
        service.log_in(told, "wrong")
    assert outside.deliver() == []
    assert len(outside.entries) == 8


# --- once


def test_the_same_event_twice_is_one_mail(service: Service, outside: Outside, told: Person) -> None:
    fail_second_step(service, told, 5)
    body = {"challenge": service.challenge(told), "recovery_code": told.recovery_codes[0]}
    service.post("/verify", body)
    records = outside.new_records()
    for _ in range(2):
        outside.invoke("NotifyFunction", {"Records": records})
    expected = [Notice.SECOND_STEP_FAILED, Notice.RECOVERY_CODE_USED, Notice.LOGIN_AFTER_FAILURES]
    assert subjects(outside.mails) == [subject(each) for each in expected]


def test_a_mail_that_did_not_leave_is_sent_at_the_next_try(
    service: Service, outside: Outside, told: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    delivered = {"detail": msgspec.to_builtins(event(service, told, EventName.PASSWORD_SET))}
    outside.failing = [AwsUnavailable(f"cannot reach {ADDRESS}")]
    with pytest.raises(FunctionFailed):
        outside.invoke("MailFunction", delivered)
    assert outside.mails == []
    assert outside.invoke("MailFunction", delivered) == {"sent": ["password_set"]}
    assert outside.invoke("MailFunction", delivered) == {"sent": []}
    assert len(outside.mails) == 1
    assert ADDRESS not in capsys.readouterr().out


def test_a_burst_notice_that_did_not_leave_is_sent_by_the_same_event_only(
    service: Service, outside: Outside, told: Person
) -> None:
    fail_second_step(service, told, 5)
    records = outside.new_records()
    outside.failing = [AwsUnavailable("TooManyRequestsException")]
    outside.invoke("NotifyFunction", {"Records": records})
    assert outside.mails == []
    outside.invoke("NotifyFunction", {"Records": records})
    assert len(outside.mails) == 1


def test_a_mail_that_left_but_could_not_be_noted_is_no_failure(
    service: Service, outside: Outside, told: Person
) -> None:
    def lose_the_note(called: Called, send: Callable[[], Answer]) -> Answer:
        if called.operation == "update_item" and outside.mails:
            raise AwsUnavailable("ReadTimeoutError")
        return send()

    service.recorder.fault = lose_the_note
    sent = notify(event(service, told, EventName.PASSWORD_SET), **parts(service, outside))
    assert sent == [Notice.PASSWORD_SET]
    assert len(outside.mails) == 1


def test_a_note_that_another_event_has_taken_is_left_to_it(service: Service, told: Person) -> None:
    notices, burst = service.services.store.notices, Notice.SECOND_STEP_FAILED.value
    assert notices.claim(told.identity.hash, burst, event_id="slow", at=1000, silent_seconds=60)
    assert notices.claim(told.identity.hash, burst, event_id="next", at=1060, silent_seconds=60)
    notices.note_sent(told.identity.hash, burst, event_id="slow", at=1000)
    assert notices.claim(told.identity.hash, burst, event_id="next", at=1060, silent_seconds=60)
    assert not notices.claim(told.identity.hash, burst, event_id="other", at=1061, silent_seconds=60)


def test_a_note_of_a_notice_lies_beside_no_subscriber_and_is_purged(
    service: Service, outside: Outside, told: Person
) -> None:
    fail_second_step(service, told, 5)
    outside.deliver()
    [note] = [each for each in service.state() if each["pk"].startswith("NOTICE#")]
    assert note["pk"] == notice_key(told.identity.hash, "")["pk"]
    assert note["purge_at"] > service.now()


# --- words


def test_every_language_has_every_notice_and_the_same_placeholders() -> None:
    assert set(CATALOGUE) == {"en", "de", "fr", "es", "ja", "ar"}
    english = CATALOGUE[FALLBACK]
    for language, words in CATALOGUE.items():
        assert set(words.subjects) == set(words.happened) == set(Notice), language
        sentences = texts(words)
        assert all(each.strip() for each in sentences), language
        assert [placeholders(each) for each in sentences] == [placeholders(each) for each in texts(english)], language


def test_no_language_is_half_english() -> None:
    english = set(texts(CATALOGUE[FALLBACK]))
    for language, words in CATALOGUE.items():
        assert language == FALLBACK or not english & set(texts(words)), language


def texts(words: Wording) -> list[str]:
    mapped = [text for each in (words.subjects, words.happened) for _, text in sorted(each.items())]
    rest = [getattr(words, name) for name in words.__struct_fields__ if name not in ("subjects", "happened")]
    return [*mapped, *rest]


def placeholders(text: str) -> list[str]:
    return [name for _, name, _, _ in Formatter().parse(text) if name is not None]


@pytest.mark.parametrize(
    ("locale", "language"),
    [(None, "en"), ("de", "de"), ("de-AT", "de"), ("FR_ca", "fr"), ("ja-JP", "ja"), ("nl", "en"), ("", "en")],
)
def test_the_locale_chooses_the_language(locale: str | None, language: str) -> None:
    assert letter.language_of(locale) == language


@pytest.mark.parametrize("language", CATALOGUE)
def test_a_mail_is_in_the_subscribers_language_and_holds_no_link(
    service: Service, outside: Outside, language: str
) -> None:
    person = service.bound_person("told", email=ADDRESS, locale=language)
    notify(event(service, person, EventName.PASSWORD_SET), **parts(service, outside))
    [mail] = outside.mails
    assert CATALOGUE[language].happened[Notice.PASSWORD_SET] in mail.text
    assert "http" not in mail.text
    assert not re.search(r"[{}]", mail.text)


def test_the_accounts_own_words_say_whom_to_ask(service: Service, outside: Outside, told: Person) -> None:
    service.account(help_text="Call the desk: 555-0100")
    notify(event(service, told, EventName.PASSWORD_SET), **parts(service, outside))
    [mail] = outside.mails
    assert "Call the desk: 555-0100" in mail.text
    assert "Ask an admin" not in mail.text


def test_a_display_name_cannot_add_a_header(service: Service, told: Person) -> None:
    policy = Policy(display_name="Acme\r\nBcc: thief@example.test")
    written = letter.write(
        Notice.PASSWORD_SET, event(service, told, EventName.PASSWORD_SET), service.record(told), policy
    )
    assert "\n" not in written.subject
    assert "\r" not in written.subject


def test_no_mail_of_a_journey_holds_a_secret(service: Service, outside: Outside, admin_token: str) -> None:
    person = service.bound_person("told", email=ADDRESS)
    fail_second_step(service, person, 5)
    body = {"challenge": service.challenge(person), "recovery_code": person.recovery_codes[0]}
    service.post("/verify", body)
    ticket = service.reset(admin_token, "told").body["ticket"]
    bound, secret = service.bind(person, ticket=ticket)
    secrets = [PASSWORD, ticket, secret.base32, *person.recovery_codes, *bound.body["recovery_codes"]]
    secrets += [service.wrong_code(person), bound.body["refresh_token"], body["challenge"]]
    written = "\n".join(f"{each.subject}\n{each.text}" for each in outside.deliver())
    assert len(outside.mails) == 5
    assert not [each for each in secrets if each in written]


# --- by boto3


def test_ses_takes_the_mail(service: Service) -> None:
    ses = boto3.client("sesv2", region_name=REGION)
    ses.create_email_identity(EmailIdentity=templates.NOTICE_FROM)
    mailer = Mailer(Boto3Ses(REGION), templates.NOTICE_FROM)
    mailer.send(recipient=ADDRESS, subject="認証アプリ", text="テキスト\n")
    [sent] = ses_backends["123456789012"][REGION].sent_messages
    assert sent.destinations["ToAddresses"] == [ADDRESS]
    assert sent.subject == "認証アプリ"
