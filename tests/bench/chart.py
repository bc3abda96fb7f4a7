"""The picture of a run for docs/performance.md: our figures beside the peers', as plain SVG."""

from typing import Any, NamedTuple

from tests.bench import goals

_WIDTH, _LEFT, _BAR, _STEP = 720, 230, 18, 26
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1a1a1a}.head{font-weight:600}.own{fill:#1d5fd1}.peer{fill:#9aa4b2}"
    "@media(prefers-color-scheme:dark){text{fill:#e8e8e8}.peer{fill:#6b7583}}"
)


class Bar(NamedTuple):
    """One bar: its name, its length in the chart's unit, and whether it is ours."""

    name: str
    value: float
    is_own: bool


def chart(found: dict[str, Any], client: str) -> str:
    """Return the chart of a run: CPU of a login, imports of a cold start, the bill."""
    it = found["clients"][client]
    cheap = sum(each["minimum"] for each in it["warm, cheap hash"].values())
    own = sum(found["bill"]["per million"].values())
    cognito, _ = found["bill"]["peers"]["Cognito Essentials"]
    charts = [
        ("CPU of a two-step login without the hash, ms", [
            Bar("Secondstep", cheap, is_own=True),
            Bar("better-auth", goals.BEST_PEER_LOGIN_MS, is_own=False),
            Bar("Canaille", 8.8, is_own=False),
            Bar("django-allauth", 17.8, is_own=False),
        ]),
        ("CPU of the imports of a cold start, ms", [
            Bar("Secondstep, login", it["cold"]["login"], is_own=True),
            Bar("Secondstep, verify", it["cold"]["verify"], is_own=True),
            Bar("boto3 and two clients alone", found["boto3 and two clients, import ms"], is_own=False),
        ]),
        ("USD per million logins, ten a user and month", [
            Bar("Secondstep", own, is_own=True),
            Bar("Cognito Essentials", cognito, is_own=False),
        ]),
    ]  # fmt: skip
    drawn, y = [], 24
    for title, bars in charts:
        drawn.append(f'<text class="head" x="8" y="{y}">{title}</text>')
        drawn += _bars(bars, y + 10)
        y += 10 + len(bars) * _STEP + 34
    height = y - 20
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'role="img" aria-label="Secondstep beside its peers"><style>{_STYLE}</style>{"".join(drawn)}</svg>\n'
    )


def _bars(bars: list[Bar], top: int) -> list[str]:
    longest = max(each.value for each in bars)
    room = _WIDTH - _LEFT - 80
    drawn = []
    for number, each in enumerate(bars):
        y, width = top + number * _STEP, max(2.0, each.value / longest * room)
        whose = "own" if each.is_own else "peer"
        value = f"{each.value:,.3g}" if each.value < 100 else f"{each.value:,.0f}"
        drawn += [
            f'<text x="{_LEFT - 10}" y="{y + 14}" text-anchor="end">{each.name}</text>',
            f'<rect class="{whose}" x="{_LEFT}" y="{y}" width="{width:.1f}" height="{_BAR}" rx="2"/>',
            f'<text x="{_LEFT + width + 6:.1f}" y="{y + 14}">{value}</text>',
        ]
    return drawn
