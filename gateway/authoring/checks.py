"""What the loader accepts and an author may still not mean. Each check looks at one thing."""

import re
from collections.abc import Callable, Iterable, Iterator

from gateway.authoring.findings import Finding, Severity
from gateway.authoring.negatives import without_negative
from gateway.authoring.reaching import unreachable
from gateway.authoring.subjects import Subject
from gateway.errors import Place
from gateway.model import Risk
from gateway.templates.action import Action
from gateway.templates.patterns import Pattern
from gateway.templates.selectors import Capture
from gateway.templates.summary import Optional, Sentence, Value
from gateway.templates.values import ContextField

type Check = Callable[[Subject], Iterator[Finding]]

STEPPING_UP = ("access", "credential", "destructive", "payment", "publish")
MAX_TITLE = 60
MAX_SENTENCE = 140
USUAL_VALUE = 12
"""Characters that a value in a sentence is taken to have."""

_SECRET = frozenset(
    {"password", "passwd", "passphrase", "passcode", "secret", "token", "cvc", "cvv", "apikey"}
)
_SECRET_KEYS = frozenset(
    {"api", "private", "secret", "access", "signing", "encryption", "auth", "master", "ssh"}
)
_HARMLESS = frozenset({
    "next", "page", "continuation", "client", "request", "sync", "idempotency", "pagination", "cursor",
    "starting", "public", "change", "creation", "caller", "dedup", "marker", "max", "skip", "resume",
})  # fmt: skip
"""A token after one of these names a place in a list or a retry, and opens nothing."""


def _error(place: Place, name: str, message: str, hint: str) -> Finding:
    return Finding(place, Severity.ERROR, name, message, hint)


def _warning(place: Place, name: str, message: str, hint: str) -> Finding:
    return Finding(place, Severity.WARNING, name, message, hint)


def missing_in_summary(subject: Subject) -> Iterator[Finding]:
    """A name outside […] that one of the action's requests does not bind shows as "(not given)"."""
    for action in subject.actions:
        for name in _bare_names(action.sentence):
            why = _unbound(action, name)
            if why is None:
                continue
            say = _error if name in _captured(action) else _warning
            yield say(
                subject.place(action, "summary"),
                "summary-missing-field",
                f'The summary of "{action.id}" names "{name}", which {why}.',
                f"Write [… {{{name}}}], which vanishes without it, or {{{name}|or:some words}}.",
            )


def _bare_names(sentence: Sentence) -> list[str]:
    """Those that stand outside […] and have no words for when they are missing."""
    values = [part for part in sentence.parts if isinstance(part, Value)]
    return list(dict.fromkeys(v.name for v in values if all(f.name != "or" for f in v.filters)))


def _captured(action: Action) -> set[str]:
    paths = {name for path in _paths(action) for name in path.names}
    return paths | {
        name for host in (action.match.hosts if action.match else ()) for name in host.pattern.names
    }


def _paths(action: Action) -> tuple[Pattern, ...]:
    return (action.match.paths or ()) if action.match is not None else ()


def _unbound(action: Action, name: str) -> str | None:
    field = next((each for each in action.fields if each.name == name), None)
    if field is not None:
        return (
            None if _always(action, field) else f"{field.source.text!r} may not give: the field is optional"
        )
    return None if name == "host" else _not_captured(action, name)


def _always(action: Action, field: ContextField) -> bool:
    if field.required:
        return True
    return isinstance(field.source, Capture) and _not_captured(action, field.source.name) is None


def _not_captured(action: Action, name: str) -> str | None:
    """None where each path, or each host, binds it."""
    hosts = action.match.hosts if action.match is not None else ()
    if hosts and all(name in host.pattern.names for host in hosts):
        return None
    without = next((path for path in _paths(action) if name not in path.names), None)
    if without is None and _paths(action):
        return None
    return f"the path {without.text} does not bind" if without is not None else "not every host binds"


def never_wins(subject: Subject) -> Iterator[Finding]:
    for action, winners in unreachable(subject.service):
        named = ", ".join(f'"{winner.id}" (line {winner.place.line})' for winner in winners)
        yield _error(
            subject.place(action),
            "unreachable-action",
            f'"{action.id}" never wins: {named} {"takes" if len(winners) == 1 else "take"} all of it.',
            "Take it out, or widen what it matches.",
        )


def broad_and_low(subject: Subject) -> Iterator[Finding]:
    """A write that lets much through by one line should not do so by itself."""
    for action in subject.actions:
        if action.access != "write" or action.risk is not Risk.LOW or action.match is None:
            continue
        wide = next((f"the path {path.text}" for path in _paths(action) if _is_wide(path)), None)
        wide = wide or next(
            (
                f"{found.source.text} like {found.allowed.glob}"
                for found in action.match.where
                if found.allowed.glob is not None and len(found.allowed.glob.replace("*", "")) <= 2  # noqa: PLR2004
            ),
            None,
        )
        if wide is None and action.match.paths is None and not action.match.where:
            wide = "every path"
        if wide is not None:
            yield _warning(
                subject.place(action, "match"),
                "broad-low-risk",
                f'"{action.id}" is a write of risk low, and matches {wide}.',
                "Name the paths that are meant, or write risk: step_up.",
            )


def _is_wide(path: Pattern) -> bool:
    """A star after less than two fixed segments, or with none after it."""
    return path.star is not None and sum(segment.literal is not None for segment in path.segments) <= 1


def low_in_a_group(subject: Subject) -> Iterator[Finding]:
    for action in subject.actions:
        groups = [name for name in STEPPING_UP if name in action.groups]
        if groups and action.access == "write" and action.risk is Risk.LOW:
            yield _warning(
                subject.place(action, "groups"),
                "low-risk-group",
                f'"{action.id}" is in the group {" and ".join(groups)} and low: policy alone keeps it.',
                "Write risk: step_up, unless policies are meant to let it pass.",
            )


def secret_in_context(subject: Subject) -> Iterator[Finding]:
    """Context goes into logs and sentences; what a request calls a secret should not."""
    for action in subject.actions:
        for field in action.fields:
            word = next(
                (word for source in field.sources if (word := _secret_word(source.text, action))), None
            )
            if word is not None and field.type != "count":
                selector = field.source.text
                yield _warning(
                    subject.place(action, "context"),
                    "secret-in-context",
                    f'"{field.name}" of "{action.id}" reads {selector!r}, which sounds like a {word}.',
                    f'Take it out of the context and add secret: ["{selector}"], or redact.',
                )


def _secret_word(selector: str, action: Action) -> str | None:
    kind, _, name = selector.partition(":")
    if kind not in {"json", "form", "arg", "query", "multipart", "xml", "graphql", "mcp"}:
        return None
    last = re.split(r"[/\[\]]+", name.rstrip("]*/["))[-1]
    lower = [str(word).lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+", last)]
    before = set(lower[:-1])
    if not lower or before & _HARMLESS:
        return None
    if lower[-1] in _SECRET:
        return lower[-1]
    is_key = lower[-1] == "key" and (before & _SECRET_KEYS or (not before and "credential" in action.groups))
    return "key" if is_key else None


def no_examples(subject: Subject) -> Iterator[Finding]:
    """For whatever is no plain read."""
    for action in subject.actions:
        if not action.examples and (action.access == "write" or action.risk is not Risk.LOW):
            yield _warning(
                subject.place(action),
                "no-example",
                f'"{action.id}" has no example.',
                "Write one: a request, and the action and sentence that it must become.",
            )


def no_negative_examples(subject: Subject) -> Iterator[Finding]:
    for action in without_negative(subject.service, subject.actions):
        yield _warning(
            subject.place(action, "examples"),
            "no-negative-example",
            f'"{action.id}" has no example of what it must not match.',
            "Add one with another method, an encoded slash or a duplicate key, and what becomes of it.",
        )


def too_long(subject: Subject) -> Iterator[Finding]:
    """A notification shows so much and no more."""
    for action in subject.actions:
        if len(action.title) > MAX_TITLE:
            yield _warning(
                subject.place(action, "title"),
                "long-title",
                f'The title of "{action.id}" has {len(action.title)} characters.',
                f"Keep it under {MAX_TITLE}: a notification cuts what is longer.",
            )
        length = _length(action.sentence)
        if length > MAX_SENTENCE:
            yield _warning(
                subject.place(action, "summary"),
                "long-summary",
                f'The summary of "{action.id}" has about {length} characters.',
                f"Keep it under {MAX_SENTENCE}: a notification cuts what is longer.",
            )


def _length(sentence: Sentence) -> int:
    inner = [p for part in sentence.parts for p in (part.parts if isinstance(part, Optional) else (part,))]
    return sum(len(piece) if isinstance(piece, str) else USUAL_VALUE for piece in inner)


def unused(subject: Subject) -> Iterator[Finding]:
    """Declared and never named again, which most often is a misspelt name elsewhere."""
    used = {
        "params": _used_params(subject),
        "resources": _used_resources(subject),
        "vars": set(re.findall(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}", subject.text)),
    }
    for key, names in used.items():
        for name, place in subject.declared(key):
            if name not in names:
                yield _warning(
                    place,
                    f"unused-{ {'params': 'param', 'resources': 'resource', 'vars': 'variable'}[key] }",
                    f'"{name}" of "{key}" is never used.',
                    "Take it out, or look for a misspelt name.",
                )


def _used_params(subject: Subject) -> set[str]:
    service = subject.service
    patterns: list[Pattern] = [path for action in service.actions for path in _paths(action)]
    patterns += [host.pattern for host in service.host_patterns]
    patterns += [pattern for kind in service.resources.types.values() for pattern in kind.at]
    rules = [rule.at for rule in service.decoding.special if rule.at is not None]
    patterns += [path for at in rules for path in at.paths or ()]
    patterns += [host.pattern for at in rules for host in at.hosts]
    return {name for pattern in patterns for name in pattern.names}


def _used_resources(subject: Subject) -> set[str]:
    """Those of actions, those with an `at`, and the parents of both."""
    types = subject.service.resources.types
    waiting = [action.resource for action in subject.service.actions if action.resource in types]
    waiting += [name for name, kind in types.items() if kind.at]
    used: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name is not None and name not in used:
            used.add(name)
            waiting += types[name].parents if name in types else ()
    return used


CHECKS: tuple[Check, ...] = (
    missing_in_summary,
    never_wins,
    broad_and_low,
    low_in_a_group,
    secret_in_context,
    no_examples,
    no_negative_examples,
    too_long,
    unused,
)


def check(subject: Subject, checks: Iterable[Check] = CHECKS) -> list[Finding]:
    return [finding for each in checks for finding in each(subject)]
