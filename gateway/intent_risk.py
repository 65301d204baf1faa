"""How much is at stake, in one word with its reasons, from plain rules.

Over what the template says, what things are called, and what is unusual for this agent. The same request
with the same past at the same time has the same level: nothing here is learned or guessed.
"""

import re
from collections.abc import Callable, Iterator

from gateway.model import Mapped, Unit
from gateway.values import dataclass

LOW, MEDIUM, HIGH = LEVELS = ("low", "medium", "high")


@dataclass(frozen=True, slots=True)
class Noticed:
    """What stands out about a request against its agent's own past; nothing where no past is known.

    `path` is what the agent asks for where no template reads a resource in it.
    """

    no_purpose: bool = False
    first: frozenset[str] = frozenset()
    larger: bool = False
    odd_hour: bool = False
    burst: bool = False
    path: str = ""


NOTHING = Noticed()

type Test = Callable[[Mapped, Noticed], bool]


@dataclass(frozen=True, slots=True)
class Rule:
    """What a fact means for a read and for a write: low is only a reason, None is not even that."""

    reason: str
    read: str | None
    write: str
    holds: Test


def _is_final(unit: Unit) -> bool:
    return unit.undo is not None and unit.undo.how == "never"


def _is_unnamed(unit: Unit) -> bool:
    return unit.action.endswith("/unmatched/write")


def _in_group(group: str) -> Test:
    return lambda mapped, _: any(group in unit.groups for unit in mapped.units)


def _any(holds: Callable[[Unit], bool]) -> Test:
    return lambda mapped, _: any(holds(unit) for unit in mapped.units)


def _first(what: str) -> Test:
    """Of an agent's very first request nothing else needs to be said."""
    return lambda _, noticed: what in noticed.first and "agent" not in noticed.first - {what}


def _named(pattern: re.Pattern[str]) -> Test:
    return lambda mapped, noticed: any(pattern.search(name) for name in _names(mapped, noticed))


def _words(*words: str) -> re.Pattern[str]:
    """Whole words, however the name is put together: my-secrets, prod.db, /admin/."""
    return re.compile(rf"(?<![a-z0-9])(?:{'|'.join(words)})(?![a-z0-9])", re.IGNORECASE)


SECRETS = _words(
    r"\.env", "secrets?", "credentials?", "passwords?", "passwd", "id_(?:rsa|ed25519|ecdsa)", r"\.ssh",
    r"\.aws", r"\.npmrc", r"\.netrc", "kubeconfig", r"private[-_. ]?keys?", "pem", "p12", "pfx", "keystore",
    "vault",
)  # fmt: skip
PLACES = _words("prod", "production", "live", "admins?", "administrators?", "root")
BRANCHES = _words("main", "master")

DEEDS = (
    #    what it does                          a read  a write
    Rule("Destroys something",                 HIGH,   HIGH,   _in_group("destructive")),
    Rule("Moves money",                        HIGH,   HIGH,   _in_group("payment")),
    Rule("Touches a credential",               HIGH,   HIGH,   _in_group("credential")),
    Rule("Changes who has access",             HIGH,   HIGH,   _in_group("access")),
    Rule("Cannot be undone",                   HIGH,   HIGH,   _any(_is_final)),
    Rule("Publishes",                          MEDIUM, MEDIUM, _in_group("publish")),
    Rule("Runs code",                          MEDIUM, MEDIUM, _in_group("execute")),
    Rule("Speaks to others",                   MEDIUM, MEDIUM, _in_group("communicate")),
    Rule("No template names this action",      LOW,    MEDIUM, _any(_is_unnamed)),
)  # fmt: skip

SIGNS = (
    #    what stands out                       a read  a write
    Rule("Its name speaks of a secret",        MEDIUM, HIGH,   _named(SECRETS)),
    Rule("Its name speaks of production or of administrators",
                                               LOW,    HIGH,   _named(PLACES)),
    Rule("Its name speaks of a main branch",   LOW,    MEDIUM, _named(BRANCHES)),
    Rule("More money than this agent moved at once in 30 days",
                                               HIGH,   HIGH,   lambda _, noticed: noticed.larger),
    Rule("Far more requests than in this agent's usual hours",
                                               MEDIUM, HIGH,   lambda _, noticed: noticed.burst),
    Rule("First request of this agent",        LOW,    MEDIUM, _first("agent")),
    Rule("First time from this address",       MEDIUM, HIGH,   _first("address")),
    Rule("First time with this credential",    MEDIUM, HIGH,   _first("credential")),
    Rule("First time that this agent does this",
                                               LOW,    MEDIUM, _first("action")),
    Rule("First time that this agent touches this",
                                               LOW,    MEDIUM, _first("resource")),
    Rule("Outside this agent's usual hours",   LOW,    MEDIUM, lambda _, noticed: noticed.odd_hour),
    Rule("Says no purpose",                    None,   MEDIUM, lambda _, noticed: noticed.no_purpose),
)  # fmt: skip


def intent_risk(mapped: Mapped, noticed: Noticed = NOTHING) -> tuple[str, tuple[str, ...]]:
    """The level and why, the gravest first; never lowers a decision, only tells people and policies."""
    writes = any(unit.access == "write" for unit in mapped.units)
    deeds = list(_found(DEEDS, mapped, noticed, writes=writes))
    plain = [] if deeds else [(MEDIUM, "Changes something") if writes else (LOW, "Only reads")]
    found = deeds + plain + list(_found(SIGNS, mapped, noticed, writes=writes))
    found.sort(key=lambda pair: -LEVELS.index(pair[0]))
    return found[0][0], tuple(reason for _, reason in found)


def _found(
    rules: tuple[Rule, ...], mapped: Mapped, noticed: Noticed, *, writes: bool
) -> Iterator[tuple[str, str]]:
    for rule in rules:
        level = rule.write if writes else rule.read
        if level is not None and rule.holds(mapped, noticed):
            yield level, rule.reason


def _names(mapped: Mapped, noticed: Noticed) -> Iterator[str]:
    """What a request is about: its resources, and the paths, branches and names that its template reads."""
    for unit in mapped.units:
        yield unit.resource.id
        for name, value in unit.context.items():
            if name in {"path", "file", "branch", "ref", "key", "name", "environment"} and isinstance(
                value, str
            ):
                yield value
    yield noticed.path


def unread(mapped: Mapped, target: str) -> str:
    """Where no template names the action, what the agent asks for is all that is known of its meaning."""
    return target if any("unmatched" in unit.groups for unit in mapped.units) else ""
