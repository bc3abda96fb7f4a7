"""Every request of the machine, in both languages: what is sent to the service, and what is asked of the model."""

from typing import Any

from tests.model.driver import Driver
from tests.model.observed import Request
from tests.model.world import Name, Policy


class Requests:
    """Makes requests; whatever the model numbers is put in its place as text."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._service = driver.service
        self._sent = 0

    def _source(self) -> str:
        """Every request comes from an address of its own: the budgets of addresses are tested elsewhere."""
        self._sent += 1
        return f"2001:db8:{self._sent // 65536:x}:{self._sent % 65536:x}::1"

    def _post(self, path: str, body: object, bearer: int | None = None, method: str = "POST") -> Any:
        token = self._driver.texts[bearer] if bearer is not None else None
        source = self._source()
        return lambda: self._service.call(method, path, body, token=token, source=source)

    def _text(self, number: int | None) -> str:
        return self._driver.texts[number] if number is not None else "0000-0000-0000-0000"

    def login(self, name: Name, password: str) -> Request:
        body = {"account": name[0], "login_name": name[1], "password": password}
        return Request("login", name, self._post("/login", body), lambda world: world.login(name, password))

    def enroll(self, name: Name, challenge: int, ticket: int | None) -> Request:
        body = {"challenge": self._text(challenge)} | ({} if ticket is None else {"ticket": self._text(ticket)})
        send = self._post("/enroll", body)
        return Request("enroll", name, send, lambda world: world.enroll(challenge, ticket), challenge)

    def verify(
        self, name: Name, challenge: int, code: str, authenticator: int | None = None, bearer: int | None = None
    ) -> Request:
        body = {"challenge": self._text(challenge), "code": code}
        if authenticator is not None:
            body["authenticator"] = self._driver.id_of(authenticator)
        send = self._post("/verify", body, bearer)
        return Request(
            "verify",
            name,
            send,
            lambda world: world.verify(challenge, code, authenticator, bearer),
            challenge,
            code,
        )

    def recover(self, name: Name, challenge: int, code: int) -> Request:
        send = self._post("/verify", {"challenge": self._text(challenge), "recovery_code": self._text(code)})
        return Request("recover", name, send, lambda world: world.recover(challenge, code), challenge)

    def redeem(self, name: Name, ticket: int, password: str) -> Request:
        body = {"account": name[0], "login_name": name[1], "ticket": self._text(ticket), "new_password": password}
        return Request(
            "redeem", name, self._post("/password", body), lambda world: world.redeem(name, ticket, password), ticket
        )

    def refresh(self, name: Name, token: int) -> Request:
        send = self._post("/refresh", {"refresh_token": self._text(token)})
        return Request("refresh", name, send, lambda world: world.refresh(token), token)

    def me(self, name: Name, bearer: int) -> Request:
        return Request("me", name, self._post("/me", None, bearer, "GET"), lambda world: world.me(bearer), bearer)

    def logout(self, name: Name, bearer: int) -> Request:
        return Request("logout", name, self._post("/logout", None, bearer), lambda world: world.logout(bearer), bearer)

    def logout_by_refresh(self, name: Name, token: int) -> Request:
        send = self._post("/logout", {"refresh_token": self._text(token)})
        return Request("logout_by_refresh", name, send, lambda world: world.logout_by_refresh(token), token)

    def step_up(self, name: Name, bearer: int, code: str) -> Request:
        send = self._post("/step-up", {"code": code}, bearer)
        return Request("step_up", name, send, lambda world: world.step_up(bearer, code), bearer, code)

    def add(self, name: Name, bearer: int, ticket: int | None) -> Request:
        body = {"name": "Tablet"} | ({} if ticket is None else {"ticket": self._text(ticket)})
        send = self._post("/me/authenticators", body, bearer)
        return Request("add", name, send, lambda world: world.add(bearer, ticket), bearer)

    def remove(self, name: Name, bearer: int, authenticator: int) -> Request:
        send = self._post(f"/me/authenticators/{self._driver.id_of(authenticator)}", None, bearer, "DELETE")
        return Request("remove", name, send, lambda world: world.remove(bearer, authenticator), bearer)

    def renew(self, name: Name, bearer: int) -> Request:
        send = self._post("/me/recovery-codes", None, bearer)
        return Request("renew", name, send, lambda world: world.renew(bearer), bearer)

    def change_password(self, name: Name, bearer: int, current: str, password: str) -> Request:
        send = self._post("/me/password", {"current_password": current, "new_password": password}, bearer)
        expect = lambda world: world.change_password(bearer, current, password)  # noqa: E731
        return Request("change_password", name, send, expect, bearer)

    # --- by an admin

    def _about(self, name: Name, bearer: int, more: str, body: object, method: str = "POST") -> Any:
        return self._post(f"/admin/subscribers/{name[1]}{more}", body, bearer, method)

    def show(self, name: Name, bearer: int) -> Request:
        send = self._about(name, bearer, "", None, "GET")
        return Request("show", name, send, lambda world: world.show(bearer, name))

    def listed(self, name: Name, bearer: int) -> Request:
        send = self._post("/admin/subscribers?limit=100", None, bearer, "GET")
        return Request("list", name, send, lambda world: world.listed(bearer))

    def reset(self, name: Name, bearer: int) -> Request:
        send = self._about(name, bearer, "/reset", {"reason": "lost phone"})
        return Request("reset", name, send, lambda world: world.reset(bearer, name))

    def reset_password(self, name: Name, bearer: int) -> Request:
        send = self._about(name, bearer, "/password-reset", {"reason": "forgotten"})
        return Request("reset_password", name, send, lambda world: world.reset_password(bearer, name))

    def unlock(self, name: Name, bearer: int) -> Request:
        send = self._about(name, bearer, "/unlock", None)
        return Request("unlock", name, send, lambda world: world.unlock(bearer, name))

    def change(self, name: Name, bearer: int, status: str | None = None, role: str | None = None) -> Request:
        body = {each: value for each, value in (("status", status), ("role", role)) if value}
        rule = {"disabled": "disable", "active": "enable"}.get(status or "", "change_role")
        send = self._about(name, bearer, "", body, "PATCH")
        return Request(rule, name, send, lambda world: world.change(bearer, name, status, role))

    def delete(self, name: Name, bearer: int) -> Request:
        return Request(
            "delete", name, self._about(name, bearer, "", None, "DELETE"), lambda world: world.delete(bearer, name)
        )

    def invite(self, name: Name, bearer: int, role: str) -> Request:
        send = self._post("/admin/subscribers", {"login_name": name[1], "role": role}, bearer)
        return Request("invite", name, send, lambda world: world.invite(bearer, name, role))

    def replace_policy(self, account: str, bearer: int, policy: Policy) -> Request:
        service, text, source = self._service, self._text(bearer), self._source()
        body, headers = {"display_name": "Acme Support"} | vars(policy), {"If-Match": "*"}
        return Request(
            "policy",
            (account, ""),
            lambda: service.call("PUT", "/admin/policy", body, token=text, headers=headers, source=source),
            lambda world: world.replace_policy(bearer, account, policy),
        )
