"""A template under its overlays: they tighten single actions by id, and say why where they loosen one."""

import difflib
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path

from gateway.errors import ConfigError, Place
from gateway.templates.action import READS, Access, Action
from gateway.templates.asking import merged
from gateway.templates.fields import Fields, Problems, items, scalar_text
from gateway.templates.language import TooLarge
from gateway.templates.matching import both, within
from gateway.templates.overlay import Entry, Overlay, fits, read_overlay
from gateway.templates.service import Service, Variables, read_service
from gateway.templates.strictness import looser, risk_lowered
from gateway.templates.yaml12 import Key, Yaml, parse_yaml
from gateway.values import dataclass

MEMBERWISE = frozenset({"approval", "bind", "context", "show"})
"""Of these the overlay's members are put over the template's."""

ADDED = frozenset({"groups", "redact", "secret"})
"""To these the overlay adds."""

COMPARED = frozenset({"id", "risk", "access", "approval", "bind", "groups", "redact", "secret"})
"""What can be shown to be as strict as before; whatever else an entry changes needs a reason."""


@dataclass(frozen=True, slots=True)
class Loosened:
    """What an overlay made looser, and the operator's reason for it."""

    action: str
    what: str
    reason: str
    place: Place


@dataclass(frozen=True)
class Overlaid:
    """A service under its overlays; `base` is the template alone, which its own examples are about."""

    base: Service
    service: Service
    loosened: tuple[Loosened, ...] = ()
    examples: tuple[Yaml, ...] = field(default=(), repr=False)


def lay_over(
    base: Service, raw: bytes, variables: Variables, overlays: Sequence[tuple[Path, bytes]]
) -> Overlaid:
    """The template that these bytes hold, and each overlay over what the ones before it made."""
    made = Overlaid(base, base)
    if not overlays:
        return made
    document = parse_yaml(raw, str(base.file))
    for path, content in overlays:
        overlay = read_overlay(path, content)
        _check_meant(overlay, base)
        document = _merged_document(document, overlay, made.service)
        after = read_service(base.file, document, raw, variables)
        after = replace(after, digest=_digest(made.service.digest, overlay.digest))
        loosened = _compare(overlay, made.service, after)
        made = Overlaid(base, after, (*made.loosened, *loosened), (*made.examples, *_examples(overlay)))
    return made


def _examples(overlay: Overlay) -> tuple[Yaml, ...]:
    return (*(node for entry in overlay.entries for node in entry.examples), *overlay.examples)


def _digest(before: str, overlay: str) -> str:
    return hashlib.sha256(f"{before} under {overlay}".encode()).hexdigest()


def _check_meant(overlay: Overlay, base: Service) -> None:
    if overlay.service != base.name:
        raise ConfigError(
            f'The overlay is for "{overlay.service}", and is named under "{base.name}".',
            overlay.place,
            "Name it under the template that it is for.",
        )
    if not fits(base.version, overlay.requires, overlay.requires_place):
        raise ConfigError(
            f"The overlay requires {base.name} {overlay.requires}, and the template is {base.version}.",
            overlay.requires_place,
            'Read what changed in the template, then change "requires".',
        )


# Put together, still as nodes, so that every message knows its place.


def _merged_document(document: Yaml, overlay: Overlay, before: Service) -> Yaml:
    entries = {entry.id: entry for entry in overlay.entries}
    known = {action.id for action in before.actions}
    problems = Problems()
    problems.found.extend(
        _unknown(entry, known, before) for entry in overlay.entries if _is_lost(entry, known)
    )
    problems.raise_if_any()
    root = Fields(document, "The template")
    actions = [_merged_action(node, entries) for node in items(root.get("actions"))]
    actions += [entry.node() for entry in overlay.entries if entry.id not in known]
    changed = {Key("actions", overlay.place): Yaml([*actions], overlay.place)}
    if overlay.unmatched is not None:
        floors = overlay.unmatched.node()
        floors = merged(floors, root.get("unmatched")) or floors
        changed[Key("unmatched", overlay.unmatched.place)] = floors
    return _with(document, changed)


def _is_lost(entry: Entry, known: Iterable[str]) -> bool:
    return entry.id not in known and "match" not in entry.keys


def _unknown(entry: Entry, known: Iterable[str], before: Service) -> ConfigError:
    bare = entry.id.removeprefix(f"/{before.name}/")
    near = difflib.get_close_matches(bare, sorted(known), 1, 0.6)
    hint = f'Did you mean "{near[0]}"?' if near else 'A new action needs "match" and "summary".'
    return ConfigError(f'{before.name} {before.version} has no action "{entry.id}".', entry.place, hint)


def _merged_action(node: Yaml, entries: Mapping[str, Entry]) -> Yaml:
    fields = Fields(node, "The action")
    entry = entries.get(scalar_text(fields.need("id"), '"id"'))
    if entry is None:
        return node
    changed = {key: _merged_part(key.text, item, fields.get(key.text)) for key, item in entry.changes.items()}
    return replace(_with(node, changed), place=entry.place)


def _merged_part(name: str, upper: Yaml, lower: Yaml | None) -> Yaml:
    if lower is None:
        return upper
    if name in MEMBERWISE:
        return merged(upper, lower) or upper
    if name in ADDED:
        return Yaml([*items(lower), *items(upper)], upper.place)
    return upper


def _with(mapping: Yaml, changed: Mapping[Key, Yaml]) -> Yaml:
    """The same mapping with these members in the place of, or after, its own."""
    own = dict(mapping.value) if isinstance(mapping.value, dict) else {}
    by_name = {key.text: item for key, item in changed.items()}
    kept = {key: by_name.pop(key.text, item) for key, item in own.items()}
    added = {key: item for key, item in changed.items() if key.text in by_name}
    return replace(mapping, value={**kept, **added})


# Is it as strict as before?


def _compare(overlay: Overlay, before: Service, after: Service) -> list[Loosened]:
    """What was loosened with a reason; ConfigErrors for what was loosened without one."""
    problems, found = Problems(), list[Loosened]()
    old = {action.id: action for action in before.actions}
    new = {action.id: action for action in after.actions}
    for entry in overlay.entries:
        action = new[entry.id]
        earlier = old.get(entry.id)
        wrong = _added(action, before) if earlier is None else _changed(entry, earlier, action)
        _judge(entry, action.name, wrong, problems, found)
    if overlay.unmatched is not None:
        _judge_floors(overlay.unmatched, before, after, problems, found)
    problems.raise_if_any()
    return found


def _judge_floors(
    entry: Entry, before: Service, after: Service, problems: Problems, found: list[Loosened]
) -> None:
    for access, earlier in before.unmatched.items():
        floor = after.unmatched[access]
        lowered = risk_lowered(earlier.risk, floor.risk)
        _judge(entry, floor.name, [] if lowered is None else [lowered], problems, found)


def _judge(
    entry: Entry, action: str, wrong: Sequence[str], problems: Problems, found: list[Loosened]
) -> None:
    what = "; ".join(wrong)
    if wrong and entry.loosen is None:
        problems.found.append(
            ConfigError(
                f'"{entry.id}" would be looser than before: {what}.',
                entry.place,
                'Take that out, or say why with loosen: "…".',
            )
        )
    elif wrong:
        found.append(Loosened(action, what, entry.loosen or "", entry.place))


def _changed(entry: Entry, before: Action, after: Action) -> list[str]:
    unproved = [
        f'it changes "{key}", which cannot be shown to be stricter' for key in sorted(entry.keys - COMPARED)
    ]
    return [*looser(before, after), *unproved]


def _added(action: Action, before: Service) -> list[str]:
    """A new action may not be an easier way to what another action, or none, covers already."""
    found = [
        f'it wins over "{beaten.id}", and {what}'
        for beaten in before.actions
        if _beats(action, beaten)
        for what in looser(beaten, action)
    ]
    if any(_inside(action, other) for other in before.actions):
        return found
    floors = [risk_lowered(before.unmatched[access].risk, action.risk) for access in _accesses(action)]
    return found + [f"where no action matched, {what}" for what in floors if what is not None]


def _beats(action: Action, other: Action) -> bool:
    """Whether a request that both match would become the new action's. In doubt it would."""
    one, two = action.match, other.match
    try:
        if one is None or two is None or both(one, two) is None:
            return False
        return any(name == other.id for name, _ in action.over) or within(one, two)
    except TooLarge:
        return True


def _inside(action: Action, other: Action) -> bool:
    """Sure that no request of the new action is one that no action matched before."""
    try:
        return action.match is not None and other.match is not None and within(action.match, other.match)
    except TooLarge:
        return False


def _accesses(action: Action) -> list[Access]:
    """Which floors its requests would otherwise have stood on."""
    methods = action.match.methods if action.match is not None else None
    if methods is None:
        return ["read", "write"]
    read: list[Access] = ["read"] if methods & READS else []
    return [*read, "write"] if methods - READS else read
