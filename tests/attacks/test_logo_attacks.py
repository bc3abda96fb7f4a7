"""The logo under attack: forms that a browser never sends, pictures that are more than pictures, who has one."""

import base64
from collections.abc import Callable
from typing import Any

import pytest

from functions.admin import app as admin_function
from secondstep.store.layout import logo_key
from tests.attacks.test_console_attacks import event as event_of
from tests.attacks.test_console_attacks import handed_over
from tests.browsing import BOUNDARY, Browser
from tests.pictures import WHOLE, chunk, png
from tests.service import Person, Service


@pytest.fixture
def browser(service: Service, admin: Person) -> Browser:
    """Return a browser in which an admin has just signed in with both steps."""
    return Browser(service).log_in(admin)


def part(name: str, content: bytes, more: str = "") -> bytes:
    """Return a part as browsers send it."""
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + content + b"\r\n"


def whole(browser: Browser, picture: bytes = WHOLE) -> list[bytes]:
    """Return the parts of the form that sets a logo."""
    browser.get("/ui/admin/logo")
    return [
        part("csrf", browser.csrf.encode()),
        part("do", b"set"),
        part("file", picture, '; filename="logo.png"\r\nContent-Type: image/png'),
    ]


END = f"--{BOUNDARY}--\r\n".encode()


def sent(service: Service, browser: Browser, form: bytes, content_type: str = "", **changes: Any) -> dict[str, Any]:
    """Return what the function answers to these very bytes, as the gateway hands them over."""
    event = event_of("/ui/admin/logo", browser, handed_over(service, browser))
    headers = event["headers"] | {"Content-Type": content_type or f"multipart/form-data; boundary={BOUNDARY}"}
    event |= {
        "httpMethod": "POST",
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "body": base64.b64encode(form).decode(),
        "isBase64Encoded": True,
        **changes,
    }
    return dict(admin_function.handler(event, None))


def logo(service: Service, account: str = "acme") -> bytes | None:
    key = tuple(logo_key(account).values())
    return next((each.get("png") for each in service.state() if (each["pk"], each["sk"]) == key), None)


# --- the form


def test_the_form_as_a_browser_sends_it_sets_the_logo(browser: Browser, service: Service) -> None:
    assert sent(service, browser, b"".join(whole(browser)) + END)["statusCode"] == 303
    assert logo(service) == WHOLE


BROKEN: dict[str, Callable[[list[bytes]], bytes]] = {
    "nothing": lambda parts: b"",
    "no end": b"".join,
    "another end": lambda parts: b"".join(parts) + END.replace(b"Web", b"Wob"),
    "something before": lambda parts: b"x" + b"".join(parts) + END,
    "something behind": lambda parts: b"".join(parts) + END + b"x",
    "a field twice": lambda parts: b"".join([parts[1], *parts]) + END,
    "the file twice": lambda parts: b"".join([*parts, parts[2]]) + END,
    "a part without a name": lambda parts: b"".join(parts).replace(b' name="do"', b"") + END,
    "a part with two names": lambda parts: (
        b"".join(parts).replace(b'name="do"', b'name="do"\r\nContent-Disposition: form-data; name="file"') + END
    ),
    "a name in capitals": lambda parts: b"".join(parts).replace(b'"do"', b'"DO"') + END,
    "bare line feeds": lambda parts: b"".join(parts).replace(b"\r\n", b"\n") + END,
    "no blank line": lambda parts: b"".join(parts).replace(b"\r\n\r\nset", b"\r\nset") + END,
    "a text that is none": lambda parts: b"".join([*parts, part("other", b"\xff\xfe")]) + END,
    "many parts": lambda parts: b"".join([*parts, *(part(f"x-{'y' * n}", b"") for n in range(1, 12))]) + END,
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=list(BROKEN))
def test_a_form_that_no_browser_sends_is_refused(
    browser: Browser, service: Service, broken: Callable[[list[bytes]], bytes]
) -> None:
    before = service.state()
    assert sent(service, browser, broken(whole(browser)))["statusCode"] == 400
    assert (service.state(), service.events("policy_changed")) == (before, [])


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        f"multipart/form-data; boundary={'x' * 71}",
        'multipart/form-data; boundary="',
        f"multipart/mixed; boundary={BOUNDARY}",
        f"multipart/form-data; boundary={BOUNDARY}; boundary=x y",
        "image/png",
        "application/json",
    ],
)
def test_a_form_of_another_kind_is_refused(browser: Browser, service: Service, content_type: str) -> None:
    assert sent(service, browser, b"".join(whole(browser)) + END, content_type)["statusCode"] == 415
    assert logo(service) is None


@pytest.mark.parametrize("changes", [{"isBase64Encoded": False}, {"body": "%%%"}, {"body": "QQ=A"}])
def test_a_body_that_the_gateway_never_hands_over_is_refused(
    browser: Browser, service: Service, changes: dict[str, Any]
) -> None:
    assert sent(service, browser, b"".join(whole(browser)) + END, **changes)["statusCode"] == 415
    assert logo(service) is None


def test_a_form_that_says_too_much_beside_its_file_is_refused(browser: Browser, service: Service) -> None:
    body = b"".join([*whole(browser), part("other", b"x" * 9000)]) + END
    assert sent(service, browser, body)["statusCode"] == 413
    assert logo(service) is None


def test_no_other_form_takes_a_file(browser: Browser, service: Service) -> None:
    """A second way to send a form is a second reader of it: there is one where there has to be."""
    for path in ("/ui/admin", "/ui/admin/subscriber", "/ui/admin/policy", "/ui/account", "/ui/login", "/ui/verify"):
        fields: dict[str, str | bytes] = {"csrf": browser.get("/ui/admin").csrf, "do": "all", "file": WHOLE}
        assert browser.post(path, fields).status == 415, path


def test_what_the_file_says_of_itself_changes_nothing(browser: Browser, service: Service) -> None:
    lying = part("file", b"<svg xmlns='http://www.w3.org/2000/svg'/>", '; filename="a.png"\r\nContent-Type: image/png')
    assert sent(service, browser, b"".join([*whole(browser)[:2], lying]) + END)["statusCode"] == 400
    honest = part("file", WHOLE, '; filename="../../x.svg"\r\nContent-Type: image/svg+xml')
    assert sent(service, browser, b"".join([*whole(browser)[:2], honest]) + END)["statusCode"] == 303
    assert logo(service) == WHOLE


# --- the picture


POLYGLOTS = {
    "a page behind it": WHOLE + b"<html><script>alert(1)</script>",
    "an archive behind it": WHOLE + b"PK\x03\x04",
    "a page before it": b"<html>" + WHOLE,
    "a script in the place of chunks": WHOLE[:8] + b"/*" + WHOLE[8:] + b"*/alert(1)",
    "an svg": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "an svg with a signature": WHOLE[:8] + b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "a second header": WHOLE[:-12] + WHOLE[8:33],
    "a jpeg": b"\xff\xd8\xff\xe0" + WHOLE,
}


@pytest.mark.parametrize("name", POLYGLOTS)
def test_a_file_that_is_more_than_a_picture_is_refused(browser: Browser, service: Service, name: str) -> None:
    browser.get("/ui/admin/logo").submit("/ui/admin/logo", do="set", file=POLYGLOTS[name])
    assert browser.status == 400
    assert logo(service) is None


def test_what_hides_in_a_chunk_leaves_as_base64_alone(browser: Browser, service: Service) -> None:
    hidden = b'"/><script>alert(1)</script><svg onload="alert(1)">'
    picture = WHOLE[:33] + chunk(b"iTXt", hidden) + WHOLE[33:]
    browser.get("/ui/admin/logo").submit("/ui/admin/logo", do="set", file=picture)
    assert logo(service) == picture
    served = Browser(service).get("/ui/logo?account=acme").html
    assert "script" not in served
    assert "onload" not in served


def test_a_very_large_file_is_refused_on_the_page(browser: Browser, service: Service) -> None:
    large = png(filling=b"x" * 3_000_000)
    browser.get("/ui/admin/logo").submit("/ui/admin/logo", do="set", file=large)
    assert (browser.status, browser.page.forms != []) == (413, True)
    assert logo(service) is None


# --- whose it is


def test_an_admin_sets_and_removes_the_logo_of_the_own_account_alone(browser: Browser, service: Service) -> None:
    service.account("other")
    service.logo(png(5, 5), "other")
    fields = {"csrf": browser.get("/ui/admin/logo").csrf, "account": "other"}
    browser.post("/ui/admin/logo?account=other", fields | {"do": "set", "file": png()})
    assert (logo(service), logo(service, "other")) == (png(), png(5, 5))
    browser.post("/ui/admin/logo?account=other", fields | {"do": "remove"})
    assert (logo(service), logo(service, "other")) == (None, png(5, 5))
    assert {each["pk"] for each in service.events("policy_changed")} == {"ACCOUNT#acme"}


@pytest.mark.parametrize("account", ["nowhere", "bare", "ACME", "acme/x", "a" * 41, "", "acme%0aPOLICY", "%00"])
def test_an_unknown_account_and_one_without_a_logo_answer_alike(service: Service, account: str) -> None:
    service.account("bare")
    service.logo(png())
    reference = Browser(service).get("/ui/logo?account=bare")
    browser = Browser(service).get(f"/ui/logo?account={account}")
    assert browser.status == 404
    assert browser.html == reference.html
    unlike = {"x-amzn-requestid", "x-amz-apigw-id", "date", "x-amzn-trace-id"}
    told = [
        {name: value for name, value in each.headers.items() if name.lower() not in unlike}
        for each in (browser, reference)
    ]
    assert told[0] == told[1]
    assert browser.headers["Cache-Control"] == "no-store"


def test_an_account_that_is_unknown_costs_what_one_without_a_logo_costs(service: Service) -> None:
    service.account("bare")
    costs = []
    for account in ("bare", "nowhere"):
        service.recorder.clear()
        Browser(service).get(f"/ui/logo?account={account}")
        costs.append(service.recorder.dynamodb)
    assert costs[0] == costs[1] == ["get_item"]


@pytest.mark.parametrize("query", ["", "?account=acme&account=bare", "?mark=x"])
def test_an_address_that_names_no_one_account_shows_nothing(service: Service, query: str) -> None:
    service.logo(png())
    assert Browser(service).get(f"/ui/logo{query}").status in (400, 404)


def test_a_mark_that_is_none_is_not_shown(service: Service) -> None:
    """What stands in the item is no HTML, whoever has written it."""
    service.logo(png())
    [item] = [each for each in service.state() if each["pk"] == "ACCOUNT#acme" and each["sk"] == "POLICY"]
    for mark in (7, ["x"], b"x", '"><script>alert(1)</script>'):
        service.put(item | {"logo": mark})
        service.services.store.accounts._policies.clear()
        assert "<script>alert" not in Browser(service).get("/ui/login?account=acme").html
