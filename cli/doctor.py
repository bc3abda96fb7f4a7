"""`secondstep doctor`: is all as it should be? Exit codes: 0 all green, 1 something is wrong, 3 not reachable."""

from collections import Counter

import typer
from rich.text import Text

from cli.checks import CHECKS, Finding, examined
from cli.options import DEFAULT_STACK, AsJson, Region, Stack
from cli.printing import console, print_json
from cli.progress import progress
from cli.stack import find_stack

SOMETHING_IS_WRONG = 1
EXAMPLE = "Example: secondstep doctor; a script asks secondstep doctor --json | jq -e .healthy"
_STYLES = {"green": "green", "wrong": "bold red", "not_checked": "dim"}
_MARKS = {"green": "ok   ", "wrong": "WRONG", "not_checked": "-    "}


def doctor(stack: Stack = DEFAULT_STACK, region: Region = None, as_json: AsJson = False) -> None:
    """Look at the whole deployment and change nothing: what is green, what is wrong, and how to mend that.

    What an emulator cannot answer is not checked, and said so.
    """
    found = find_stack(stack, region)
    findings = list[Finding]()
    with progress("examine", total=len(CHECKS)) as told:
        for each in examined(found):
            findings.append(each)
            told(1)
    is_healthy = not any(each.verdict == "wrong" for each in findings)
    if as_json:
        print_json({"healthy": is_healthy, "checks": [each._asdict() for each in findings]})
    else:
        _print(findings)
    if not is_healthy:
        raise typer.Exit(SOMETHING_IS_WRONG)


def _print(findings: list[Finding]) -> None:
    out, widest = console(), max(len(each.check) for each in findings)
    for each in findings:
        for number, sentence in enumerate(each.sentences):
            mark = Text(_MARKS[each.verdict], style=_STYLES[each.verdict])
            out.print(Text.assemble(mark, f"  {each.check if not number else '':<{widest}}  ", sentence))
    counts = Counter(each.verdict for each in findings)
    skipped = f" {counts['not_checked']} could not be checked here." if counts["not_checked"] else ""
    wrong = sum(len(each.sentences) for each in findings if each.verdict == "wrong")
    things = "1 thing is wrong" if wrong == 1 else f"{wrong} things are wrong"
    out.print(Text(f"{things if wrong else 'All green'}.{skipped}", style="bold red" if wrong else "bold green"))
