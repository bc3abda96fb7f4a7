"""`make bench`: measure everything, print the tables, keep them as JSON and as a chart.

It ends with 1 where a goal is missed without a written excuse.

python -m tests.bench [--clients lean,boto3] [--subscribers 1,1000,100000] [--into bench] [--docs]
python -m tests.bench --growth [--subscribers 1,1000,1000000] [--export] [--into bench] [--docs]
"""

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from tests.bench import play
from tests.bench.chart import chart
from tests.bench.goals import Goal, goals, of_growth
from tests.bench.measuring import beside, measure
from tests.bench.report import grown, written

_DOCS = Path(__file__).resolve().parents[2] / "docs"


def main(clients: list[str], subscribers: tuple[int, ...], into: Path, *, to_docs: bool) -> int:
    """Run the benchmark; return how the process ends."""
    found = measure(clients, subscribers)
    held = {client: goals(found, client) for client in clients}
    into.mkdir(parents=True, exist_ok=True)
    (into / "bench.json").write_text(json.dumps(found, indent=1) + "\n")
    (into / "bench.svg").write_text(chart(found, clients[0]))
    text = written(found, held)
    (into / "bench.md").write_text(text)
    if to_docs:
        publish("bench", text)
        (_DOCS / "performance.svg").write_text(chart(found, clients[0]))
    print(text)  # noqa: T201
    return _end(held[clients[0]])


def growth(subscribers: tuple[int, ...], into: Path, *, exporting: bool, to_docs: bool) -> int:
    """Measure what does not grow, alone, as full as the tables shall get; return how the process ends."""
    found = beside(subscribers, exporting=exporting)
    held = of_growth(found)
    into.mkdir(parents=True, exist_ok=True)
    (into / "growth.json").write_text(json.dumps(found, indent=1) + "\n")
    text = grown(found, held, datetime.now(UTC).date().isoformat())
    (into / "growth.md").write_text(text)
    if to_docs:
        publish("growth", text)
    print(text)  # noqa: T201
    return _end(held)


def _end(held: list[Goal]) -> int:
    missed = [each for each in held if not each.is_met]
    for each in missed:
        why = f" ({each.excuse})" if each.excuse else ""
        print(f"missed: {each.name} {each.what}: {each.figure:.3g}{why}", file=sys.stderr)  # noqa: T201
    return 1 if any(not each.excuse for each in missed) else 0


def publish(part: str, text: str) -> None:
    """Put a run into docs/performance.md, in the place of the one before; `part` is what the place is called."""
    begin, end = f"<!-- {part}: begin -->\n", f"<!-- {part}: end -->"
    page = _DOCS / "performance.md"
    before, _, rest = page.read_text().partition(begin)
    _, _, after = rest.partition(end)
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument(
        "--clients", default=",".join(play.CLIENTS), help="AWS clients; the first one is held to the goals"
    )
    parser.add_argument("--subscribers", default="1,1000,100000", help="how full the table gets, ascending")
    parser.add_argument("--growth", action="store_true", help="measure what does not grow, and nothing else")
    parser.add_argument("--export", action="store_true", help="with --growth: export the whole account, too")
    parser.add_argument("--into", type=Path, default=Path("bench"), help="where bench.json, bench.md and bench.svg go")
    parser.add_argument("--docs", action="store_true", help="put the run into docs/performance.md")
    return parser.parse_args()


if __name__ == "__main__":
    asked = _arguments()
    numbers = tuple(map(int, asked.subscribers.split(",")))
    if asked.growth:
        sys.exit(growth(numbers, asked.into, exporting=asked.export, to_docs=asked.docs))
    sys.exit(main(asked.clients.split(","), numbers, asked.into, to_docs=asked.docs))
