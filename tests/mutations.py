"""Break the service by hand, one guard at a time, and see a test turn red (`make mutations`).

Each mutation is a text that is replaced in a copy of the tree; the suite must fail there. A mutation whose text is not
found any more fails loudly: it would prove nothing.
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tests.lean import mutations as of_the_lean_client
from tests.model import mutations as of_the_model
from tests.snapstart import mutations as of_snapstart

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "layers/secondstep/secondstep"
SUITES = (  # where the aim has missed; the first red test ends a run
    "tests/attacks/test_guessing.py",
    "tests/attacks/test_enrollment_and_reset.py",
    "tests/unit",
    "tests/attacks/test_races.py",
    "tests/attacks/test_sdk_faults.py",
    "tests/attacks/test_password_budget.py",
    "tests/attacks/test_drift.py",
    "tests/flows",
    "tests/attacks",
)


class Mutation(NamedTuple):
    """What is broken, where, and how."""

    name: str
    file: str
    before: str
    after: str
    aim: str  # what pytest is asked to run first: where it should turn red
    only_there: bool = False  # no other suite may stand in where the aim has missed


MUTATIONS = (
    Mutation(
        "drop last_step <",
        f"{PACKAGE}/store/ceremonies.py",
        ".require(below(last_step, step)).set(last_step, step)",
        ".set(last_step, step)",
        aim="tests/attacks/test_races.py -k five_challenges",
    ),
    Mutation(
        "drop epoch = in an accept",
        f"{PACKAGE}/store/ceremonies.py",
        "return write.require(ITEM_EXISTS, epoch_is(subscriber.epoch), IS_ACTIVE)",
        "return write.require(ITEM_EXISTS, IS_ACTIVE)",
        aim="tests/attacks/test_enrollment_and_reset.py -k after_the_charge",
    ),
    Mutation(
        "drop epoch = in a challenge's gate",
        f"{PACKAGE}/store/conditions.py",
        "        same(challenge_path(key, C_EPOCH), (EPOCH,)),\n",
        "",
        aim="tests/unit tests/attacks/test_enrollment_and_reset.py -k 'challenge or epoch'",
    ),
    Mutation(
        "check first, charge afterwards: the check reads, nothing is paid before it",
        f"{PACKAGE}/store/charges.py",
        "return Charge(charge_id, subscriber_record(self._database.update(write)))",
        "held = subscriber_record(self._database.get(subscriber_key(subscriber_hash)) or {})\n"
        "                gate.refuse(held)\n"
        "                budget.refuse_drained(held, now)\n"
        "                return Charge(charge_id, held)",
        aim="tests/attacks/test_guessing.py -k sixth",
    ),
    Mutation(
        "success refills the window",
        f"{PACKAGE}/store/ceremonies.py",
        "return write.remove(*CODES.paths(charge.id))",
        'return write.set(("br",), {}).set(("bd",), {})',
        aim="tests/attacks/test_guessing.py -k success_clears",
    ),
    Mutation(
        "accept another purpose",
        f"{PACKAGE}/store/conditions.py",
        "        one_of(challenge_path(key, C_PURPOSE), sorted(each.value for each in purposes)),\n",
        "",
        aim="tests/attacks/test_doors.py tests/attacks/test_enrollment_and_reset.py -k 'purpose or token or challenge'",
    ),
    Mutation(
        "compare codes, not steps",
        f"{PACKAGE}/authenticators/totp.py",
        "if step in near and step > last_step]",
        "if step in near]",
        aim="tests/unit/test_totp.py -k rise",
    ),
    Mutation(
        "a fault of the key counts as a wrong code",
        f"{PACKAGE}/evaluation.py",
        "        secret = seal_key.open(authenticator.sealed_secret, charge.subscriber, authenticator.id)\n",
        "        try:\n"
        "            secret = seal_key.open(authenticator.sealed_secret, charge.subscriber, authenticator.id)\n"
        "        except Exception:\n"
        "            continue\n",
        aim="tests/attacks/test_ciphertext.py",
    ),
    Mutation(
        "a corrupt policy asks for no factor",
        f"{PACKAGE}/store/accounts.py",
        "else Policy()  # fail",
        "else Policy(mfa_required=False)  # fail",
        aim="tests/flows/test_admin_policy.py -k 'safe_default or missing'",
    ),
    Mutation(
        "leave expiry to TTL",
        f"{PACKAGE}/store/conditions.py",
        "        above(challenge_path(key, C_EXPIRES), now),\n",
        "",
        aim="tests/attacks/test_guessing.py -k expired_challenge",
    ),
    Mutation(
        "count by challenge only",
        f"{PACKAGE}/store/charges.py",
        "fewer_than((attribute,), window.limit + len(gone))",
        "fewer_than((attribute,), 10**6)",
        aim="tests/attacks/test_guessing.py -k again_buys",
    ),
    Mutation(
        "count in a row is not limited",
        f"{PACKAGE}/store/charges.py",
        "write.require(below((RUN,), MOST_IN_A_ROW)).add((RUN,), 1)",
        "write.add((RUN,), 1)",
        aim="tests/attacks/test_guessing.py -k full_row",
    ),
    Mutation(
        "tries of a challenge are not limited",
        f"{PACKAGE}/store/conditions.py",
        "        above(challenge_path(key, C_TRIES), 0),\n",
        "",
        aim="tests/attacks/test_guessing.py -k sixth_guess",
    ),
    Mutation(
        "skip the dummy hash",
        f"{PACKAGE}/authenticators/password.py",
        "    checked = stored_hash if stored_hash",
        "    if not can_match:\n        return False\n    checked = stored_hash if stored_hash",
        aim="tests/attacks/test_enumeration.py tests/unit/test_password.py",
    ),
    Mutation(
        "a binding may replace another",
        f"{PACKAGE}/store/ceremonies.py",
        "write = _accepting(charge.subscriber).require(*challenge_stands(spent.key, now), not_bound())",
        "write = _accepting(charge.subscriber).require(*challenge_stands(spent.key, now))",
        aim="tests/attacks/test_enrollment_and_reset.py -k in_between",
    ),
    Mutation(
        "the challenge is not spent",
        f"{PACKAGE}/store/ceremonies.py",
        "        write.require(*challenge_stands(spent.key, now)).remove(challenge_path(spent.key))\n"
        "        write.set((LAST_LOGIN_AT,), now)\n"
        "        self._commit(write, self._created(session), self._recorded(event))\n\n"
        "    def code_burned",
        "        write.set((LAST_LOGIN_AT,), now)\n"
        "        self._commit(write, self._created(session), self._recorded(event))\n\n"
        "    def code_burned",
        aim="tests/attacks/test_guessing.py -k spent_challenge",
    ),
    Mutation(
        "a namesake is the same person",
        f"{PACKAGE}/store/conditions.py",
        "    return equals((SUB,), sub)",
        '    return exists("pk")',
        aim="tests/attacks/test_namesakes.py",
    ),
    Mutation(
        "the actor is not checked in the admin's transaction",
        f"{PACKAGE}/store/administration.py",
        "self._database.commit(change, *self._still_may(actor), self._recorded(event), *more)",
        "self._database.commit(change, self._recorded(event), *more)",
        aim="tests/attacks/test_admin_in_flight.py",
    ),
    Mutation(
        "an application's token opens this service",
        f"{PACKAGE}/tokens.py",
        "(accepts is Accepts.EITHER_TOKEN and for_an_application)",
        "for_an_application",
        aim="tests/attacks/test_enrollment_and_reset.py -k only_an_admins",
    ),
    Mutation(
        "a refresh does not check the subscriber",
        f"{PACKAGE}/store/sessions.py",
        "self._database.commit(self._database.changed(write), alive_part)",
        "self._database.commit(self._database.changed(write))",
        aim="tests/attacks/test_enrollment_and_reset.py -k refresh_is_in_flight",
    ),
    Mutation(
        "a recovery code is not removed",
        f"{PACKAGE}/store/ceremonies.py",
        "return write.take_from_set((CODE_SET,), code_hash).remove(*RECOVERY_CODES.paths(charge.id))",
        "return write.remove(*RECOVERY_CODES.paths(charge.id))",
        aim="tests/attacks/test_enrollment_and_reset.py -k good_once",
    ),
    Mutation(
        "ticketed needs no ticket",
        f"{PACKAGE}/flows/enrollment.py",
        "if presented_ticket is None and subscriber.enrollment is not Enrollment.TICKETED:",
        "if presented_ticket is None:",
        aim="tests/attacks/test_enrollment_and_reset.py -k thief",
    ),
    Mutation(
        "a reused refresh token is only refused",
        f"{PACKAGE}/flows/session.py",
        "        store.sessions.end(session, event)\n        raise InvalidToken\n",
        "        raise InvalidToken\n",
        aim="tests/attacks/test_enrollment_and_reset.py -k comes_back_later",
    ),
    Mutation(
        "a lost reply counts as refused",
        f"{PACKAGE}/store/charges.py",
        "            if held and any(",
        "            if False and held and any(",
        aim="tests/attacks/test_sdk_faults.py",
    ),
    Mutation(
        "an unknown outcome counts as done",
        f"{PACKAGE}/store/database.py",
        "            except AwsUnavailable as fault:\n                raise Unavailable from fault\n"
        "            except TransactionCancelled",
        "            except AwsUnavailable:\n                return\n            except TransactionCancelled",
        aim="tests/attacks/test_faults.py -k verify",
    ),
    Mutation(
        "a future step's drift is told at once",
        f"{PACKAGE}/explanation.py",
        "if before is None or not _confirms(seen, before):",
        "if before is not None and not _confirms(seen, before):",
        aim="tests/unit/test_explanation.py",
    ),
    Mutation(
        "anybody resets themselves",
        f"{PACKAGE}/flows/reset.py",
        "if actor.is_oneself(actor.subject.sub):",
        "if False:",
        aim="tests/attacks/test_enrollment_and_reset.py -k themselves",
    ),
    Mutation(
        "an admin disables or deletes themselves",
        f"{PACKAGE}/flows/administration.py",
        "if actor.is_oneself(subject.sub):",
        "if False:",
        aim="tests/attacks/test_admin_attacks.py -k on_themselves",
    ),
    Mutation(
        "the operator removes the last admin",
        f"{PACKAGE}/flows/administration.py",
        "    if remaining is None:\n",
        "    if remaining is None and False:\n",
        aim="tests/attacks/test_admin_removals.py",
    ),
    Mutation(
        "two operators remove the last two admins",
        f"{PACKAGE}/store/administration.py",
        "return [self._database.checked(_remains_admin(actor.remaining_admin))] if actor.remaining_admin else []",
        "return []",
        aim="tests/attacks/test_admin_removals.py tests/cli -k operator",
    ),
    Mutation(
        "a policy is overwritten whoever changed it meanwhile",
        f"{PACKAGE}/store/accounts.py",
        "write = Write(account_key(account)).require(is_as_read)",
        "write = Write(account_key(account))",
        aim="tests/attacks/test_admin_in_flight.py -k policy",
    ),
    Mutation(
        "a cursor leads into another list",
        f"{PACKAGE}/cursor.py",
        "if (whose, which) == (self.caller, self.name):",
        "if True:",
        aim="tests/attacks/test_admin_cursors.py",
    ),
    Mutation(
        "stale proof is fresh",
        f"{PACKAGE}/bearer.py",
        "is_old = now - self.claims.auth_time > FRESH_SECONDS",
        "is_old = False",
        aim="tests/flows/test_own_account.py tests/attacks/test_own_account_attacks.py -k 'fresh or stale'",
    ),
    Mutation(
        "the password alone is fresh proof beside a bound factor",
        f"{PACKAGE}/bearer.py",
        'lacks_factor = self.subscriber.is_bound and "mfa" not in self.claims.amr',
        "lacks_factor = False",
        aim="tests/flows/test_own_account.py -k within_a_session",
    ),
    Mutation(
        "another session finishes what one began",
        f"{PACKAGE}/flows/addition.py",
        "return is_own and pending is not None and pending.sid == principal.session.sid",
        "return is_own and pending is not None",
        aim="tests/attacks/test_adding_attacks.py",
    ),
    Mutation(
        "an ended session still changes its owner",
        f"{PACKAGE}/store/own_account.py",
        "parts = [self._database.changed(write), self._database.changed(of_session), self._recorded(event)]",
        "parts = [self._database.changed(write), self._recorded(event)]",
        aim="tests/attacks/test_own_account_attacks.py tests/attacks/test_adding_attacks.py",
    ),
    Mutation(
        "more authenticators than the account allows",
        f"{PACKAGE}/store/own_account.py",
        "fewer_than((AUTHENTICATORS,), most))",
        "fewer_than((AUTHENTICATORS,), 99))",
        aim="tests/attacks/test_adding_attacks.py -k most",
    ),
    Mutation(
        "the last authenticator goes while another one comes",
        f"{PACKAGE}/store/own_account.py",
        ", fewer_than((AUTHENTICATORS,), 2))",
        ")",
        aim="tests/attacks/test_replacing_attacks.py",
    ),
    Mutation(
        "other sessions outlive a removed authenticator",
        f"{PACKAGE}/store/own_account.py",
        "write.remove(authenticator_path(authenticator_id)).set((EPOCH,), epoch).set((CHALLENGES,), {})\n"
        "        self._commit(write, _stamped(session, epoch, now), event)",
        "write.remove(authenticator_path(authenticator_id))\n"
        "        self._commit(write, _still_there(session, now), event)",
        aim="tests/flows/test_own_account.py -k removing_one",
    ),
    Mutation(
        "a right current password need not be paid for",
        f"{PACKAGE}/flows/password.py",
        "    charge = store.passwords.charge_name(session.subscriber_hash, context.now)\n"
        "    if not password.match(current_password, subscriber.password_hash):\n",
        "    is_right = password.match(current_password, subscriber.password_hash)\n"
        "    charge = store.passwords.charge_name('' if is_right else session.subscriber_hash, context.now)\n"
        "    if not is_right:\n",
        aim="tests/attacks/test_replacing_attacks.py -k guesses_at_the_password",
    ),
    Mutation(
        "a current password is hashed before it is paid for",
        f"{PACKAGE}/flows/password.py",
        "    charge = store.passwords.charge_name(session.subscriber_hash, context.now)\n"
        "    if not password.match(current_password, subscriber.password_hash):\n",
        "    is_right = password.match(current_password, subscriber.password_hash)\n"
        "    charge = store.passwords.charge_name(session.subscriber_hash, context.now)\n"
        "    if not is_right:\n",
        aim="tests/attacks/test_replacing_attacks.py -k hashed",
    ),
    Mutation(
        "a transaction's token comes from what it writes to",
        f"{PACKAGE}/store/database.py",
        "token = secrets.token_hex(16)",
        "token = str(next(iter(parts[0].values())).get('Key'))[-36:]",
        aim="tests/attacks/test_idempotency.py -k another_token",
    ),
    Mutation(
        "a retry of a transaction has a token of its own",
        f"{PACKAGE}/store/database.py",
        "ClientRequestToken=token)",
        "ClientRequestToken=secrets.token_hex(16))",
        aim="tests/attacks/test_idempotency.py -k another_token",
    ),
    Mutation(
        "a form needs no token of its browser",
        f"{PACKAGE}/pages/browser.py",
        "if not is_ours or self._header(",
        "if self._header(",
        aim="tests/attacks/test_page_attacks.py tests/attacks/test_console_attacks.py -k 'not_shown or another_token'",
    ),
    Mutation(
        "a form brings a challenge that its browser does not hold",
        f"{PACKAGE}/pages/browser.py",
        'return self.cookies.get(cookies.CHALLENGE, "")',
        'return self.cookies.get(cookies.CHALLENGE, "") or self._fields().get("challenge", "")',
        aim="tests/attacks/test_page_attacks.py -k without_its_cookie",
    ),
    Mutation(
        "an application's address is compared by its beginning",
        f"{PACKAGE}/oauth.py",
        "redirect_uri in each.redirect_uris)",
        "redirect_uri.startswith(each.redirect_uris))",
        aim="tests/attacks/test_authorization_attacks.py -k foreign_address",
    ),
    Mutation(
        "the verifier is not compared with its challenge",
        f"{PACKAGE}/oauth.py",
        "return is_same and _proves(code_verifier, self.code_challenge)",
        "return is_same",
        aim="tests/attacks/test_authorization_attacks.py -k 'no_verifier or serves_only'",
    ),
    Mutation(
        "a code becomes tokens twice",
        f"{PACKAGE}/store/codes.py",
        "require(ITEM_EXISTS, absent(_SPENT_BY), above((S_EXPIRES,), now))",
        "require(ITEM_EXISTS, above((S_EXPIRES,), now))",
        aim="tests/attacks/test_authorization_attacks.py -k comes_twice",
    ),
    Mutation(
        "an environment goes on with a retired key for an hour",
        f"{PACKAGE}/keys.py",
        "_KNOWN_SECONDS = 60 ",
        "_KNOWN_SECONDS = 3600 ",
        aim="tests/unit/test_keys.py -k retired",
    ),
    Mutation(
        "a parameter that is no setting reaches no request",
        "template.yaml",
        "      AllowedOrigins: !Ref AllowedOrigins\n      ServerAddresses",
        "      ServerAddresses",
        aim="tests/test_rollout.py -k settings_are_all",
    ),
    Mutation(
        "a setting of some functions ends the update of the others",
        "template.yaml",
        "!Ref NoticeFrom, !Ref SnapStart]]",
        "!Ref NoticeFrom]]",
        aim="tests/test_rollout.py -k changes_every_function",
    ),
    Mutation(
        "versions are kept for ever",
        "template.yaml",
        "        VersionDeletionPolicy: Delete\n",
        "",
        aim="tests/test_rollout.py -k is_not_kept",
    ),
    Mutation(
        "settings whose digest never changes",
        "functions/rotate/app.py",
        "json.dumps(properties, sort_keys=True)",
        "json.dumps(sorted(properties))",
        aim="tests/flows/test_rotation.py -k digest",
    ),
    Mutation(
        "a canary that no alarm ends",
        "template.yaml",
        "      Alarms: [!Ref RolloutAlarm]\n",
        "",
        aim="tests/test_rollout.py -k goes_back_on_the_alarm",
    ),
    *(Mutation(*each) for each in of_the_lean_client.MUTATIONS),
    *(Mutation(*each) for each in of_snapstart.MUTATIONS),
)

OF_THE_MODEL = (
    *(Mutation(*each) for each in of_the_model.MUTATIONS),
    *(each._replace(aim=of_the_model.AIM) for each in MUTATIONS if each.name in of_the_model.AS_ELSEWHERE),
)
ALL = (*MUTATIONS, *(each._replace(name=f"the model sees: {each.name}", only_there=True) for each in OF_THE_MODEL))


def main() -> int:
    """Apply each mutation in turn, two at a time; return the number that no test noticed."""
    wanted = sys.argv[1:]
    chosen = [each for each in ALL if not wanted or any(word in each.name for word in wanted)]
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as workers:
        survived = sum(workers.map(_survives, chosen))
    sys.stdout.write(f"{survived} of {len(chosen)} mutations survived\n")
    return survived


def _survives(mutation: Mutation) -> bool:
    with tempfile.TemporaryDirectory() as place:
        tree = Path(place) / "tree"
        shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".git", ".venv", ".tools", ".aws-sam", "__pycache__"))
        broken = tree / mutation.file
        text = broken.read_text("utf-8")
        if text.count(mutation.before) != 1:
            return _told(mutation, "NOT FOUND", survived=True)
        broken.write_text(text.replace(mutation.before, mutation.after), "utf-8")
        red = _first_red(tree, shlex.split(mutation.aim))
        red = red or ("" if mutation.only_there else _first_red(tree, list(SUITES)))
        return _told(mutation, red or "SURVIVED", survived=not red)


def _told(mutation: Mutation, verdict: str, *, survived: bool) -> bool:
    sys.stdout.write(f"{mutation.name:<84} {verdict}\n")
    sys.stdout.flush()
    return survived


def _first_red(tree: Path, tests: list[str]) -> str:
    """Run tests on the broken tree and return the first one that turns red, or nothing."""
    command = [sys.executable, "-m", "pytest", "-x", "--no-header", "-q", *tests]
    environment = {"PYTHONPATH": f"{tree}/layers/secondstep:{tree}", "PATH": "/usr/bin:/bin", "HOME": str(tree.parent)}
    ran = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    red = [line for line in ran.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return red[0].partition(" - ")[0] if red else ""


if __name__ == "__main__":
    sys.exit(main())
