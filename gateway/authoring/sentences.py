"""The sentence a person reads, from what a description says of an operation."""

import re
from collections.abc import Sequence

from gateway.authoring.fields import Telling
from gateway.authoring.naming import Route
from gateway.authoring.operations import Operation

LONGEST = 160


def plain(text: str) -> str:
    """One line of visible characters, without the end of a sentence."""
    line = "".join(c if c.isprintable() else " " for c in " ".join(text.split()))
    # A template would take ${x} for a variable of its own.
    return line.replace("${", "$ {").strip().rstrip(".").strip()


def sentence(operation: Operation, route: Route, name: str, told: Sequence[Telling]) -> str:
    """The description's own words, what is named in the path, and what the body tells where it does."""
    said = plain(operation.summary)[:LONGEST] or _from_id(name)
    said = said[0].upper() + said[1:]
    text, left = _placed(re.sub(r"([\[\]{}])", r"\1\1", said), list(route.names))
    if left:
        text += (" of " if len(left) < len(route.names) else ": ") + "/".join(f"{{{each}}}" for each in left)
    return text + "".join(_told(each) for each in told)


def _told(each: Telling) -> str:
    label = "" if each.name == "money" else f"{each.name.replace('_', ' ')} "
    return f"[, {label}{{{each.name}}}]"


def _from_id(name: str) -> str:
    noun, _, verb = name.rpartition("/")
    return f"{verb} {noun}".replace("_", " ").replace("/", " ").strip().capitalize()


def _placed(text: str, names: list[str]) -> tuple[str, list[str]]:
    """“Delete a pet” with {pet_id}: “Delete pet {pet_id}”; and the captures that found no place."""
    if not names:
        return text, names
    last = names[-1]
    noun = re.sub(r"_(id|name|slug|number|key|ref)$", "", last).replace("_", " ")
    found = re.search(rf"\b(?:an?|the|one)\s+((?:\w+\s+)?{re.escape(noun)})\b(?!\w)", text, re.IGNORECASE)
    if found is None:
        return text, names
    return f"{text[: found.start()]}{found[1]} {{{last}}}{text[found.end() :]}", names[:-1]
