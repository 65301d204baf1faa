"""How people are asked, and what their approval binds: the `approval` and `bind` of an action."""

import re
from collections.abc import Iterable
from dataclasses import field
from typing import Literal, cast

from gateway.errors import ConfigError
from gateway.model import Approval, Bind, Mode
from gateway.templates.fields import Fields, duration, items, text, whole
from gateway.templates.resources import IdPattern, parse_id
from gateway.templates.selectors import has_wildcard, may_be_free, names_a_leaf, parse_selector
from gateway.templates.yaml12 import Key, Yaml
from gateway.values import dataclass

MAX_TTL = 24 * 3600
MAX_QUORUM = 5
READ_BY = frozenset(f"header:{name}" for name in ("content-type", "content-encoding", "host", "upgrade"))
_GROUP = re.compile(r'Group::"[^"\\\x00-\x1f]+"')


@dataclass(frozen=True, slots=True)
class Asking:
    """`batch` is the name under which requests are approved together, still with its captures."""

    approval: Approval = field(default_factory=Approval)
    batch: IdPattern | None = None


_USUAL = Asking()


def merged(upper: Yaml | None, lower: Yaml | None) -> Yaml | None:
    """The members of both mappings; where both have one, the upper's."""
    if (
        upper is None
        or lower is None
        or not isinstance(upper.value, dict)
        or not isinstance(lower.value, dict)
    ):
        return upper if upper is not None else lower
    named = {key.text for key in upper.value}
    kept: dict[Key, Yaml] = {key: item for key, item in lower.value.items() if key.text not in named}
    return Yaml({**kept, **upper.value}, upper.place)


def read_asking(node: Yaml | None) -> Asking:
    if node is None:
        return _USUAL
    fields = Fields(node, '"approval"')
    ttl, quorum, hold_for = fields.get("ttl"), fields.get("quorum"), fields.get("hold_for")
    mode, approvers = fields.word("mode", list(Mode)), fields.get("approvers")
    batch, single_use = fields.get("batch"), fields.flag("single_use")
    fields.finish()
    group = None if approvers is None else text(approvers, '"approvers"')
    if approvers is not None and not _GROUP.fullmatch(group or ""):
        raise ConfigError(
            '"approvers" must name a group.', approvers.place, "Write it as 'Group::\"platform\"'."
        )
    return Asking(
        Approval(
            ttl=None if ttl is None else duration(ttl, '"ttl"', MAX_TTL),
            quorum=1 if quorum is None else whole(quorum, '"quorum"', 1, MAX_QUORUM),
            mode=None if mode is None else Mode(mode),
            hold_for=_hold_for(hold_for),
            approvers=group,
            single_use=bool(single_use),
        ),
        None if batch is None else parse_id(batch),
    )


def _hold_for(node: Yaml | None) -> int | Literal["auto"] | None:
    if node is None:
        return None
    return "auto" if node.value == "auto" else duration(node, '"hold_for"', MAX_TTL)


def read_bind(node: Yaml | None) -> Bind:
    if node is None:
        return Bind()
    fields = Fields(node, '"bind"')
    body = cast('Literal["exact", "decoded"]', fields.word("body", ["exact", "decoded"]) or "exact")
    volatile, credential = fields.get("volatile"), fields.get("credential")
    fields.finish()
    whole_or_part = "whole" if credential is None else text(credential, '"credential"')
    if credential is not None and whole_or_part != "whole":
        parse_selector(whole_or_part, credential.place)
    named = read_leaves(items(volatile), "volatile", wildcard=False)
    for selector in named:
        if selector.lower() in READ_BY:
            raise ConfigError(f"{selector!r} says how the request is read: not volatile.", fields.place)
    return Bind(body, named, whole_or_part)


def read_leaves(nodes: Iterable[Yaml], what: str, *, wildcard: bool = True) -> tuple[str, ...]:
    """Selectors of values in the request itself."""
    found = []
    for node in nodes:
        written = text(node, f'"{what}"')
        source = parse_selector(written, node.place)
        if not (may_be_free(source) if what == "volatile" else names_a_leaf(source)):
            raise ConfigError(
                f"{written!r} cannot be {what}.",
                node.place,
                "Name the header or the part of the body itself.",
            )
        if written.lower() in READ_BY and what in {"redact", "secret"}:
            raise ConfigError(f"{written!r} says how the request is read, and is always shown.", node.place)
        if has_wildcard(source) and not wildcard:
            raise ConfigError(f"{written!r} names many values; {what} names single ones.", node.place)
        found.append(written)
    return tuple(found)
