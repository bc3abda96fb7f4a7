"""A run of the benchmark as text: tables for the terminal and for docs/performance.md."""

from collections.abc import Iterable
from typing import Any

from tests.bench.goals import Goal

type Row = Iterable[object]


def table(head: Row, rows: Iterable[Row]) -> str:
    """Return a Markdown table whose columns are aligned in a terminal, too."""
    cells = [[_cell(each) for each in row] for row in (head, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join((lines[0], rule, *lines[1:]))


def _cell(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case float() if value >= 1000:
            return f"{value:,.0f}"
        case float():
            return f"{value:.3g}" if value < 100 else f"{value:.0f}"
        case _:
            return str(value)


def written(found: dict[str, Any], goals: dict[str, list[Goal]]) -> str:
    """Return the whole report."""
    parts = [
        *(("Goals, AWS client " + client, _goals(listed)) for client, listed in goals.items()),
        ("Calls and units of a request", _calls(found)),
        ("Floors, CPU ms", table(("what", "ms"), found["floors"].items())),
        *((f"Warm CPU ms, AWS client {name}", _warm(it)) for name, it in found["clients"].items()),
        (
            "Import CPU ms above a bare Python (boto3 and two clients: "
            + _cell(found["boto3 and two clients, import ms"])
            + ")",
            _cold(found),
        ),
        *(
            (f"Dearest imports of {function}, {name}, wall ms", _dearest(it, function))
            for name, it in found["clients"].items()
            for function in it["dearest imports"]
        ),
        ("Logins a second: 8 environments, 8 clients on the same processors", _throughput(found)),
        *_growth(found),
        (
            "Layer, bytes",
            table(
                ("package", "bytes"), [*found["size"]["layer"].items(), ("all", sum(found["size"]["layer"].values()))]
            ),
        ),
        ("Functions, bytes", table(("function", "bytes"), found["size"]["functions"].items())),
        ("Pages, bytes", table(("address", "plain", "gzip"), (each.values() for each in found["size"]["pages"]))),
        *_bill(found["bill"]),
    ]
    return "\n\n".join(f"### {title}\n\n{body}" for title, body in parts) + "\n"


def _goals(listed: list[Goal]) -> str:
    rows = (
        (it.name, it.what, it.figure, _limit(it, it.must), it.is_met, _limit(it, it.aim), it.is_aim_met)
        for it in listed
    )
    return table(("goal", "what", "figure", "must", "met", "aim", "met"), rows)


def _limit(it: Goal, limit: float) -> str:
    return f"{'≥' if it.at_least else '≤'} {limit:g}"


def _calls(found: dict[str, Any]) -> str:
    rows = (
        (
            it["name"],
            len(it["operations"]),
            it["round_trips"],
            " ".join(it["operations"]),
            it["read_units"],
            it["write_units"],
            " ".join(f"{kind.lower()} {size}" for kind, size, *_ in it["written"]),
        )
        for it in found["calls"]
    )
    return table(
        ("request", "calls", "round trips", "operations", "read units", "write units", "items written, bytes"), rows
    )


def _warm(it: dict[str, Any]) -> str:
    columns = ("import", "first", "minimum", "median", "log_bytes", "peak_mb")
    named = [*it["warm"].items(), *((f"{name}, cheap hash", row) for name, row in it["warm, cheap hash"].items())]
    return table(("request", *columns), ((name, *(float(row[each]) for each in columns)) for name, row in named))


def _cold(found: dict[str, Any]) -> str:
    clients = found["clients"]
    functions = next(iter(clients.values()))["cold"]
    return table(("function", *clients), ((name, *(it["cold"][name] for it in clients.values())) for name in functions))


def _dearest(it: dict[str, Any], function: str) -> str:
    return table(("module", "ms"), (each.values() for each in it["dearest imports"][function]))


def _throughput(found: dict[str, Any]) -> str:
    rows = (
        (client, hashing, *figures.values())
        for client, it in found["clients"].items()
        for hashing, figures in it["throughput"].items()
    )
    return table(("client", "hash", "logins/s", "p50 ms", "p95 ms", "p99 ms"), rows)


def grown(found: dict[str, Any], held: list[Goal], day: str) -> str:
    """Return the report of growth alone, measured on a day."""
    parts = [("Goals of growth", _goals(held)), *_growth(found)]
    told = "\n\n".join(f"### {title}\n\n{body}" for title, body in parts)
    return f"Measured on {day}.\n\n{told}\n"


def _growth(found: dict[str, Any]) -> list[tuple[str, str]]:
    measured = ("request", "beside", "number", "calls", "read units", "write units", "bytes", "CPU ms, least", "median")
    parts = [
        ("What does not grow", _listed(measured, found["growth"])),
        ("Filling the tables", _listed(("subscribers", "seconds", "items/s", "load average"), found["filling"])),
    ]
    if found["exports"]:
        whole = _listed(("subscribers", "seconds", "peak MB"), found["exports"])
        parts.append(("Export of the whole account", whole))
    return parts


def _listed(head: Row, rows: Iterable[dict[str, object]]) -> str:
    """Return a table of numbers, their thousands apart."""
    return table(head, ([f"{it:,}" if isinstance(it, int) else it for it in row.values()] for row in rows))


def _bill(it: dict[str, Any]) -> list[tuple[str, str]]:
    own = it["per million"]
    each_user = sum(own.values()) / 100  # 10 logins a month, 1,000 users
    peers = ((name, million, thousand) for name, (million, thousand) in it["peers"].items())
    return [
        ("USD per million logins", table(("part", "USD"), [*own.items(), ("all", sum(own.values()))])),
        ("Beside them, USD per million logins", table(("part", "USD"), it["beside"].items())),
        (
            "USD, at ten logins a user and month",
            table(
                ("who", "million logins", "1,000 users a month"), [("Secondstep", sum(own.values()), each_user), *peers]
            ),
        ),
        (
            "Memory",
            table(
                ("MB", "login ms", "verify ms", "cold import ms", "Lambda USD a million"),
                (each.values() for each in it["by memory"]),
            ),
        ),
        ("Default quotas", table(("quota", "logins/s", "raised by"), (each.values() for each in it["limits"]))),
    ]
