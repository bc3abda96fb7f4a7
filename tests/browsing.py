"""A browser without a screen: it keeps cookies, reads the forms of the page it is on, and fills them in.

It goes where a redirect says, but never runs a script: what it can do works with JavaScript off.
"""

from collections.abc import Mapping
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import msgspec
from werkzeug.test import Client

from tests.service import PASSWORD, SOURCE, Person, Service

HTML = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"  # what Chromium and Firefox send
BOUNDARY = "----WebKitFormBoundary7MA4YWxkTrZu0gW"
_MOST_REDIRECTS = 5
_WITHOUT_TEXT = frozenset({"script", "style", "title"})
_BLOCKS = frozenset({"p", "li", "td", "th", "dt", "dd", "h1", "h2", "h3", "tr", "div", "label", "button", "option"})


type Sending = dict[str, str | bytes] | None


class Form(msgspec.Struct):
    """A form of a page: where it goes, what it would send as it stands, and what its buttons add."""

    action: str
    method: str
    fields: dict[str, str]
    inputs: set[str]
    buttons: list[tuple[str, str]]
    enctype: str

    def fits(self, wanted: Mapping[str, str | bytes]) -> int:
        """Tell how well this form fits: it has the fields, and its buttons and hidden values are the very ones."""
        pressed = {name for name, _ in self.buttons}
        exact = sum(
            (name, value) in self.buttons or self.fields.get(name) == value or name in self.inputs
            for name, value in wanted.items()
        )
        return 2 * exact + len(pressed & set(wanted))


class Reading(HTMLParser):
    """What a page says and asks for."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.text = ""
        self.tags: list[tuple[str, dict[str, str]]] = []
        self._form: Form | None = None
        self._select = ""
        self._area = ""
        self._unread: list[str] = []
        self.feed(html)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a form, its fields and its buttons."""
        said = {name: value or "" for name, value in attrs}
        self.tags.append((tag, said))
        if tag in _WITHOUT_TEXT:
            self._unread.append(tag)
        if tag in _BLOCKS:
            self.text += " "
        if "id" in said:
            self.ids.append(said["id"])
        if tag == "a" and "href" in said:
            self.links.append(said["href"])
        if tag == "form":
            self._form = Form(said.get("action", ""), said.get("method", "get"), {}, set(), [], said.get("enctype", ""))
            self.forms.append(self._form)
        if self._form is not None:
            self._field(tag, said, self._form)

    def _field(self, tag: str, said: dict[str, str], form: Form) -> None:
        name, value = said.get("name", ""), said.get("value", "")
        if tag == "button" and name:
            form.buttons.append((name, value))
        elif tag == "input" and name:
            self._input(name, said, form)
        elif tag == "option" and self._select and ("selected" in said or self._select not in form.fields):
            form.fields[self._select] = value
        elif tag in ("select", "textarea"):
            form.inputs.add(name)
            self._select, self._area = (name, "") if tag == "select" else ("", name)
            if tag == "textarea":
                form.fields[name] = ""

    @staticmethod
    def _input(name: str, said: dict[str, str], form: Form) -> None:
        if said.get("type") not in ("radio", "checkbox"):
            form.fields[name] = said.get("value", "")
        elif "checked" in said:
            form.fields[name] = said.get("value", "on")
        if said.get("type") != "hidden":
            form.inputs.add(name)

    def handle_endtag(self, tag: str) -> None:
        """Leave a form or a field."""
        if tag in _WITHOUT_TEXT and self._unread:
            self._unread.pop()
        if tag in _BLOCKS:
            self.text += " "
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = ""
        elif tag == "textarea" and self._form is not None:
            self._form.fields[self._area] = self._form.fields[self._area].removeprefix("\n")
            self._area = ""

    def handle_data(self, data: str) -> None:
        """Read."""
        if self._area and self._form is not None:
            self._form.fields[self._area] += data
        elif not self._unread:
            self.text += data


class Browser:
    """One browser: `status`, `html`, `text`, `path` and `headers` are those of the page it is on."""

    def __init__(self, service: Service, *, source: str = SOURCE, headers: Mapping[str, str] | None = None) -> None:
        self.service = service
        self.source = source
        self.cookies: dict[str, str] = {}
        self.set_cookies: list[str] = []  # as the last answer sent them, with their attributes
        self.status = 0
        self.html = ""
        self.path = ""
        self.headers: Any = {}
        self.seen: list[str] = []  # every address it asked for, as it stands in its history and in others' logs
        self._sent = {"Accept": HTML, **(headers or {})}

    # --- what it does

    def get(self, path: str, **headers: str) -> Self:
        """Ask for a page and go where it leads."""
        return self._go("GET", path, None, headers)

    def post(self, path: str, fields: Mapping[str, str | bytes], **headers: str) -> Self:
        """Send a form's fields as they are given, whatever page this is; bytes are a file."""
        return self._go("POST", path, dict(fields), headers)

    def submit(self, form_action: str, **fields: str | bytes) -> Self:
        """Fill in the form of this page that goes to an address and has these fields, and send it."""
        form = self.form(form_action, **fields)
        names = {*form.inputs, *form.fields, *(name for name, _ in form.buttons)}
        unknown = set(fields) - names
        assert not unknown, f"the form {form_action} has no field {unknown}; it has {sorted(names)}"
        sent = {**form.fields, **fields}
        if form.method.lower() == "get":
            return self._go("GET", f"{form.action}?{urlencode(sent)}", None, {})
        assert not (form.enctype == "" and any(isinstance(each, bytes) for each in sent.values())), "carries no file"
        return self._go("POST", form.action, sent, {})

    def form(self, form_action: str, **fields: str | bytes) -> Form:
        """Return the form of this page that goes to an address and has most of these fields."""
        fitting = [each for each in self.page.forms if each.action == form_action]
        assert fitting, f"{self.path} has no form {form_action}: {[each.action for each in self.page.forms]}"
        return max(fitting, key=lambda each: each.fits(fields))

    def log_in(self, person: Person, presented: str = PASSWORD) -> Self:
        """Sign in with the password, and with a code where one is asked for; the clock moves past a burned step."""
        self.get(f"/ui/login?account={person.identity.account}")
        self.submit("/ui/login", login_name=person.login_name, password=presented)
        if self.path == "/ui/verify":
            self.submit("/ui/verify", code=self.service.code(person))
            if self.path == "/ui/verify":
                self.service.clock.advance(30)
                self.submit("/ui/verify", code=self.service.code(person))
        return self

    def copy(self) -> "Browser":
        """Return another window of the same browser: the same cookies, as they are now."""
        other = Browser(self.service, source=self.source)
        other.cookies = dict(self.cookies)
        return other

    # --- what it shows

    @property
    def page(self) -> Reading:
        """Return what the page says and asks for."""
        return Reading(self.html)

    @property
    def text(self) -> str:
        """Return what can be read on the page, with single spaces."""
        return self.page.text

    @property
    def csrf(self) -> str:
        """Return the token that the page's forms carry."""
        return next(each.fields["csrf"] for each in self.page.forms if "csrf" in each.fields)

    @property
    def query(self) -> dict[str, str]:
        """Return the parameters of the last address."""
        return dict(parse_qsl(urlsplit(self.seen[-1]).query, keep_blank_values=True))

    # --- how it is carried

    def _go(self, method: str, path: str, form: Sending, headers: Mapping[str, str]) -> Self:
        path = urljoin(self.path or "/", path)
        for _ in range(_MOST_REDIRECTS):
            answer = self._ask(method, path, form, headers)
            if answer.status_code != 303:
                return self
            method, path, form, headers = "GET", str(answer.headers["Location"]), None, {}
        raise AssertionError(f"{path} goes in circles")

    def _ask(self, method: str, path: str, form: Sending, headers: Mapping[str, str]) -> Any:
        sent = {**self._sent, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        body, media_type = _encoded(form or {})
        answer = Client(self.service.gateway, use_cookies=False).open(
            path,
            method=method,
            data=body if form is not None else None,
            content_type=media_type if form is not None else None,
            headers=sent,
            environ_base={"REMOTE_ADDR": self.source},
        )
        self.seen.append(path)
        self.status, self.html, self.headers = answer.status_code, answer.get_data(as_text=True), answer.headers
        self.path = urlsplit(path).path
        self.set_cookies = answer.headers.getlist("Set-Cookie")
        for each in self.set_cookies:
            self._keep(each)
        return answer

    def _keep(self, sent: str) -> None:
        for name, cookie in SimpleCookie(sent).items():
            if cookie["max-age"] == "0":
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = cookie.value


def _encoded(form: dict[str, str | bytes]) -> tuple[bytes, str]:
    """Return a form as Chromium sends it, and its media type; bytes are a file, which makes it multipart."""
    if not any(isinstance(each, bytes) for each in form.values()):
        return urlencode(form).encode(), "application/x-www-form-urlencoded"
    parts = [_part(name, value) for name, value in form.items()]
    return b"".join([*parts, f"--{BOUNDARY}--\r\n".encode()]), f"multipart/form-data; boundary={BOUNDARY}"


def _part(name: str, value: str | bytes) -> bytes:
    file = '; filename="chosen.png"\r\nContent-Type: image/png' if isinstance(value, bytes) else ""
    content = value if isinstance(value, bytes) else value.encode()
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + content + b"\r\n"
