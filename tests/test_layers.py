"""Each level of the gateway imports only from those above it."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LEVELS = (
    ("nouns", ("values", "model", "errors", "ids", "encoding")),
    ("bytes in, values out", ("bodies", "formats", "decoded", "ucan", "program_keys")),
    (
        "rules",
        (
            "canonical",
            "envelopes",
            "delegations",
            "audit",
            "templates",
            "intent_risk",
            "idempotency",
            "outcomes",
            "policy",
            "payload",
            "batches",
            "passkeys",
            "subscriptions",
            "problems",
            "units",
        ),
    ),
    ("files and clocks", ("settings", "channels", "config", "keys", "store", "installation")),
    (
        "the moment",
        (
            "directory",
            "board",
            "rules",
            "questions",
            "facts",
            "gate",
            "loading",
            "snapshots",
            "trust",
            "kept",
            "preferences",
            "endings",
            "metrics",
            "glass",
            "history",
            "grants",
            "consents",
            "reach",
        ),
    ),
    (
        "one request",
        (
            "backing",
            "releasing",
            "keeping",
            "waiting",
            "sending",
            "inside",
            "pipeline",
            "timekeeper",
            "restoring",
            "pausing",
            "operating",
            "reloading",
            "desk",
            "judge",
            "granting",
            "telling",
        ),
    ),
    ("sockets", ("proxy", "addons", "web", "notify", "playground", "playground_tls", "operator_socket")),
    ("the author's bench", ("authoring",)),
    ("the whole", ("service", "demo", "cli")),
)
RANK = {name: rank for rank, (_, names) in enumerate(LEVELS) for name in names}
PURE = {name for _, names in LEVELS[:3] for name in names}
EFFECTS = {"time", "socket", "asyncio", "secrets", "random", "threading", "subprocess", "sqlite3", "aiohttp"}
TOGETHER = {("proxy", "addons")}
"""The engine puts the hooks of addons/ together, and they use its parts: one room with two doors."""


def sources() -> list[Path]:
    return [*sorted((ROOT / "gateway").rglob("*.py")), *sorted((ROOT / "addons").rglob("*.py"))]


def room(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return "addons" if parts[0] == "addons" else parts[1]


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def rooms_imported(path: Path) -> set[str]:
    found = set()
    for name in imported(path):
        parts = name.split(".")
        if parts[0] == "gateway" and len(parts) > 1 and parts[1] in RANK:
            found.add(parts[1])
        if parts[0] == "addons":
            found.add("addons")
    return found


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_only_from_above(path: Path) -> None:
    own = room(path)
    if own == "__init__":
        return
    assert own in RANK, f"{own} has no level: give it one in this test"
    below = {
        name
        for name in rooms_imported(path)
        if RANK[name] > RANK[own] and (own, name) not in TOGETHER and (name, own) not in TOGETHER
    }
    assert not below, f"{own} ({LEVELS[RANK[own]][0]}) reaches down to {below}"


@pytest.mark.parametrize(
    "path", [p for p in sources() if room(p) in PURE], ids=lambda p: str(p.relative_to(ROOT))
)
def test_the_rules_know_no_clock_no_socket_and_no_chance(path: Path) -> None:
    used = {name.split(".")[0] for name in imported(path)} & EFFECTS
    assert not used


def test_the_engine_knows_nothing_of_policy() -> None:
    for path in sources():
        if room(path) in {"proxy", "addons"}:
            forbidden = rooms_imported(path) & {"policy", "templates", "envelopes", "store", "rules", "desk"}
            assert not forbidden, f"{path}: {forbidden}"
