"""The directions of import hold: nothing reaches upward, no flow knows another, each library has one home.

The rooms are ranked; a module may import only from a lower rank, or from its own where that is named.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "layers" / "secondstep" / "secondstep"

# From the bottom up. `records` are what everything exchanges; `flows` decide; `http` and `wiring` are the rim.
RANKS = (
    {"errors", "settings", "secret_text", "throttle", "aws", "context", "account", "visible", "telemetry", "measures"},
    {"subscriber", "cursor", "picture"},
    {"shapes", "audit", "authenticators"},
    {"contract", "announcement", "mailer", "site_map"},
    {"challenge", "ticket", "session", "bus", "notices"},
    {"oauth", "incoming", "tokens"},
    {"explanation", "store"},
    {"keys", "acting"},
    {"bearer", "claim", "evaluation", "issuing", "describing"},
    {"flows", "openapi"},
    {"boto3_client", "lean", "snapshot"},
    {"wiring"},
    {"pages"},
    {"http"},
)
RANK = {room: rank for rank, rooms in enumerate(RANKS) for room in rooms}

# A library, and the only rooms that may know it.
HOMES = {
    "boto3": {"boto3_client"},
    "botocore": {"boto3_client"},
    "pyotp": {"authenticators"},
    "segno": {"authenticators"},
    "argon2": {"authenticators"},
    "bcrypt": {"authenticators"},
    "zxcvbn": {"authenticators"},
    "jinja2": {"pages"},
    "markupsafe": {"pages"},
    "jwt": {"tokens"},
    "time": {"wiring", "telemetry"},  # the stamp of a line decides nothing
    "ssl": {"lean", "snapshot"},
    "snapshot_restore_py": {"snapshot"},  # of Lambda's runtime, not of the layer
    "socket": {"lean"},
    "datetime": {"notices", "pages", "lean"},  # to write a moment down; nobody asks it what time it is
}
FORBIDDEN_NAMES = {"utils", "util", "common", "helpers", "core", "managers", "misc"}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative import"
            module = node.module or ""
            yield from (f"{module}.{alias.name}" for alias in node.names)


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def room_named(name: str) -> str:
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


MODULES = sorted(each for each in PACKAGE.rglob("*.py") if room_of(each) != "__init__")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_downwards_only(path: Path) -> None:
    room = room_of(path)
    for name in imports(path):
        if not name.startswith("secondstep."):
            continue
        other = room_named(name)
        if other in ("__init__", "__version__") or other == room:
            continue
        assert RANK[other] < RANK[room], f"{room} imports {other}, which is not below it"


def test_no_flow_knows_another() -> None:
    flows = {each.stem for each in (PACKAGE / "flows").glob("*.py")} - {"__init__"}
    for path in (PACKAGE / "flows").glob("*.py"):
        known = {name.split(".")[2] for name in imports(path) if name.startswith("secondstep.flows.")}
        assert not known & flows, f"{path.name} imports {known}"


@pytest.mark.parametrize("library", HOMES)
def test_a_library_has_one_home(library: str) -> None:
    users = {room_of(path) for path in MODULES for name in imports(path) if name.split(".")[0] == library}
    assert users <= HOMES[library]


@pytest.mark.parametrize(("library", "home"), [("pyotp", "totp.py"), ("segno", "qr.py")])
def test_a_factors_library_lives_in_one_module(library: str, home: str) -> None:
    users = {path.name for path in MODULES for name in imports(path) if name.split(".")[0] == library}
    assert users == {home}


def test_only_the_store_knows_the_layout() -> None:
    for path in MODULES:
        if room_of(path) not in ("store", "wiring"):
            inner = [
                name for name in imports(path) if name.startswith(("secondstep.store.layout", "secondstep.store.codec"))
            ]
            assert not inner, f"{path.name} knows {inner}"


@pytest.mark.parametrize("path", sorted((ROOT / "functions").glob("*/app.py")), ids=lambda path: path.parent.name)
def test_a_function_knows_neither_store_nor_boto3(path: Path) -> None:
    known = set(imports(path))
    assert not {name for name in known if name.startswith(("secondstep.store", "boto3", "botocore"))}
    assert not {name for name in known if name.startswith("functions")}


def test_the_package_never_imports_functions_local_or_cli() -> None:
    for path in MODULES:
        assert not {name for name in imports(path) if name.split(".")[0] in ("functions", "local", "cli", "tests")}


def test_no_room_is_called_by_a_name_that_says_nothing() -> None:
    folders = ("layers/secondstep/secondstep", "functions", "local", "cli", "tests")
    for folder in folders:
        for path in (ROOT / folder).rglob("*.py"):
            assert path.stem not in FORBIDDEN_NAMES
            assert path.parent.name not in FORBIDDEN_NAMES


def test_no_function_is_longer_than_fifty_lines_and_no_file_than_four_hundred() -> None:
    for path in MODULES:
        text = path.read_text("utf-8")
        assert text.count("\n") <= 400, path.name
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                assert (node.end_lineno or 0) - node.lineno < 50, f"{path.name}: {node.name}"
