"""Values at a place in JSON, or under a key of a form or query; what has two readings is refused."""

import re
from functools import lru_cache

from gateway.bodies import Json, JsonLeaf, JsonNumber, Pairs
from gateway.errors import ambiguous
from gateway.formats.multipart import Part
from gateway.formats.xml import XmlNode, read_xml


class Compound:
    """A place holds an object or a list where a single value was expected."""


COMPOUND = Compound()

type Found = JsonLeaf | Compound


def read_json(value: Json, tokens: tuple[str, ...]) -> list[Found]:
    """Values at a pointer; `*` is every item of a list; of an object its keys at the end, else its values."""
    if not tokens:
        return [COMPOUND if isinstance(value, (dict, list)) else value]
    step, rest = tokens[0], tokens[1:]
    if step == "*":
        if isinstance(value, dict) and not rest:
            return list(value)
        if isinstance(value, (dict, list)):
            below = value.values() if isinstance(value, dict) else value
            return [found for item in below for found in read_json(item, rest)]
        if value is None:
            return []
        raise ambiguous("The JSON body has a single value where a list is read.")
    if isinstance(value, dict):
        if step in value:
            return read_json(value[step], rest)
        if any(key.casefold() == step.casefold() for key in value):
            raise ambiguous(
                f"The JSON body spells {step!r} in another case, which some servers read as the same."
            )
        return []
    if isinstance(value, list):
        return read_json(value[int(step)], rest) if step.isdecimal() and int(step) < len(value) else []
    return []


def read_pairs(pairs: Pairs, wanted: tuple[str, ...]) -> list[Found]:
    """Values of a form's or query's key; `[*]` is `[]` and every number."""
    found: list[Found] = []
    for key, value in pairs:
        tokens = key_tokens(key)
        match = _compare(tokens, wanted)
        if match == "same":
            found.append(value)
        elif match == "conflict":
            raise ambiguous(
                f"The key {key!r} can be read in more than one way; write {_key_text(wanted)!r} once."
            )
    return found


def _compare(tokens: tuple[str, ...], wanted: tuple[str, ...]) -> str:
    """Same, other, or a key that some reader takes for the wanted one or for a part of it."""
    if tokens[0].casefold() != wanted[0].casefold():
        return "conflict" if _mangled(tokens) == wanted[0].casefold() else "other"
    for token, want in zip(tokens, wanted, strict=False):
        if want == "*" and (token == "" or token.isdecimal()):
            continue
        if token.casefold() != want.casefold():
            # `a[]` or `a[0]` beside `a[x]` is a list and an object at once.
            return "conflict" if token in {"", MALFORMED} else "other"
        if token != want:
            return "conflict"
    return "same" if len(tokens) == len(wanted) else "conflict"


_TO_UNDERSCORE = str.maketrans(". ", "__")


def _mangled(tokens: tuple[str, ...]) -> str:
    """The name as PHP and Rack have it: '.' and blanks are '_', brackets before it are nothing."""
    named = next((token for token in tokens if token), "")
    return named.translate(_TO_UNDERSCORE).casefold()


def read_xml_place(root: XmlNode, tokens: tuple[str, ...]) -> list[str]:
    """The texts at a path below the root, or the attributes that its last step names."""
    if not tokens[-1].startswith("@"):
        return read_xml(root, tokens)
    found = [root]
    for step in tokens[:-1]:
        found = [child for node in found for child in node.children if child.tag == step]
    name = tokens[-1][1:]
    return [node.attributes[name] for node in found if name in node.attributes]


def read_parts(parts: tuple[Part, ...], name: str, what: str = "value") -> list[Found]:
    """The values, file names or sizes of the parts of that name."""
    found: list[Found] = []
    for part in parts:
        if part.name is not None and part.name != name and part.name.casefold() == name.casefold():
            raise ambiguous(f"The part {part.name[:40]!r} can be read in more than one way; write {name!r}.")
        if part.name != name:
            continue
        if what == "bytes":
            found.append(JsonNumber(len(part.body)))
        elif what == "filename":
            found += [part.filename] if part.filename is not None else []
        else:
            found.append(_part_text(part))
    return found


def _part_text(part: Part) -> str:
    try:
        return part.body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ambiguous(
            f"The part {(part.name or '')[:40]!r} is read as text, and is not valid UTF-8."
        ) from error


MALFORMED = "["
_KEY = re.compile(r"([^\[\]]*)((?:\[[^\[\]]*\])*)")
_PART = re.compile(r"\[([^\[\]]*)\]")


MAX_REMEMBERED = 100


def key_tokens(key: str) -> tuple[str, ...]:
    """`a[b][]` as ("a", "b", ""); brackets that do not pair give a token that conflicts with every other."""
    return _remembered(key) if len(key) <= MAX_REMEMBERED else _tokens(key)


@lru_cache(maxsize=4096)
def _remembered(key: str) -> tuple[str, ...]:
    return _tokens(key)


def _tokens(key: str) -> tuple[str, ...]:
    found = _KEY.fullmatch(key)
    if found is None:
        return next((part for part in re.split(r"[\[\]]", key) if part), ""), MALFORMED
    return found[1], *_PART.findall(found[2])


def _key_text(tokens: tuple[str, ...]) -> str:
    return tokens[0] + "".join(f"[{token}]" for token in tokens[1:])
