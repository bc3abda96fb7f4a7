"""`make bench`: measure everything, print the tables, keep them as JSON and as a chart.

It ends with 1 where a goal is missed without a written excuse.

python -m tests.bench [--clients lean,boto3] [--subscribers 1,1000,100000] [--into bench] [--docs]
"""

import argparse
import json
import sys
from pathlib import Path

from tests.bench import play
from tests.bench.chart import chart
from tests.bench.goals import goals
from tests.bench.measuring import measure
from tests.bench.report import written

_DOCS = Path(__file__).resolve().parents[2] / "docs"
_BEGIN, _END = "<!-- bench: begin -->\n", "<!-- bench: end -->"


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
        publish(text, chart(found, clients[0]))
    print(text)  # noqa: T201
    missed = [each for each in held[clients[0]] if not each.is_met]
    for each in missed:
        why = f" ({each.excuse})" if each.excuse else ""
        print(f"missed: {each.name} {each.what}: {each.figure:.3g}{why}", file=sys.stderr)  # noqa: T201
    return 1 if any(not each.excuse for each in missed) else 0


def publish(text: str, picture: str) -> None:
    """Put a run into docs/performance.md, in the place of the one before."""
    (_DOCS / "performance.svg").write_text(picture)
    page = _DOCS / "performance.md"
    before, _, rest = page.read_text().partition(_BEGIN)
    _, _, after = rest.partition(_END)
    page.write_text(f"{before}{_BEGIN}\n{text}\n{_END}{after}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument(
        "--clients", default=",".join(play.CLIENTS), help="AWS clients; the first one is held to the goals"
    )
    parser.add_argument("--subscribers", default="1,1000,100000", help="how full the table gets, ascending")
    parser.add_argument("--into", type=Path, default=Path("bench"), help="where bench.json, bench.md and bench.svg go")
    parser.add_argument("--docs", action="store_true", help="put the run into docs/performance.md")
    return parser.parse_args()


if __name__ == "__main__":
    asked = _arguments()
    numbers = tuple(map(int, asked.subscribers.split(",")))
    sys.exit(main(asked.clients.split(","), numbers, asked.into, to_docs=asked.docs))
