"""What an answer of success says of itself, where a template knows how its service says no."""

import zlib
from collections.abc import Mapping, Sequence
from typing import Literal

from gateway.bodies import Json, leaf_text, parse_json
from gateway.errors import Refusal
from gateway.model import ContextValue, Unit
from gateway.templates.reading import Compound, Found, read_json
from gateway.templates.selectors import pointer_tokens
from gateway.values import dataclass

MAX_ANSWER = 64 * 1024
SUCCESS = range(200, 300)
WITHOUT_BODY = frozenset({204, 205})
GZIP = zlib.MAX_WBITS | 16
PRESENT = "present"

type Said = Literal["completed", "failed", "unclear"]
type Headers = Sequence[tuple[str, str]]
type Rule = Mapping[str, ContextValue]
"""All of its places must hold their values for the answer to mean no."""


@dataclass(frozen=True, slots=True)
class AnswerReader:
    """Reads one answer along while it passes. In doubt it is unclear, never completed."""

    rules: tuple[Rule, ...]
    limit: int = MAX_ANSWER

    def read(self, status: int, headers: Headers, body: bytes | None) -> tuple[Said, str]:
        """The outcome with a sentence about it; a body of None was too long or broke off."""
        if status not in SUCCESS or status in WITHOUT_BODY:
            return "completed", ""
        try:
            value = _json(headers, body)
            failed = any(_holds(rule, value) for rule in self.rules)
        except Unread as why:
            return "unclear", f"Whether the answer means no cannot be told: {why}"
        except Refusal:
            return "unclear", "Whether the answer means no cannot be told: readers of its JSON would differ."
        return ("failed", "The answer says that it failed.") if failed else ("completed", "")


class Unread(Exception):  # an answer that cannot be read is an outcome, not a fault
    """Why there is nothing to look into."""


def answer_reader(units: Sequence[Unit]) -> AnswerReader | None:
    """None where no template of theirs can tell a no from a yes."""
    rules = tuple(unit.outcome_failed_when for unit in units if unit.outcome_failed_when)
    return AnswerReader(rules) if rules else None


def _json(headers: Headers, body: bytes | None) -> Json:
    if body is None:
        raise Unread("it is too long, or it broke off.")
    kind = _only(headers, "content-type").partition(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise Unread("it is not JSON.")
    return parse_json(_plain(body, _only(headers, "content-encoding").strip().lower()))


def _only(headers: Headers, wanted: str) -> str:
    values = [value for name, value in headers if name.lower() == wanted]
    if len(values) > 1:
        raise Unread(f"it has more than one {wanted}.")
    return values[0] if values else ""


def _plain(body: bytes, encoding: str) -> bytes:
    if encoding in {"", "identity"}:
        return body
    if encoding not in {"gzip", "x-gzip"}:
        raise Unread("it is compressed in a way that is not read here.")
    unpacker = zlib.decompressobj(GZIP)
    try:
        plain = unpacker.decompress(body, MAX_ANSWER)
    except zlib.error as error:
        raise Unread("its compression is broken.") from error
    if not unpacker.eof or unpacker.unused_data:
        raise Unread("unpacked it is too long, or not one whole file.")
    return plain


def _holds(rule: Rule, value: Json) -> bool:
    found = {place: read_json(value, pointer_tokens(place.removeprefix("json:"))) for place in rule}
    return all(any(_means(item, wanted) for item in found[place]) for place, wanted in rule.items())


def _means(found: Found, wanted: ContextValue) -> bool:
    if wanted == PRESENT and found is not None:
        return True
    if isinstance(found, Compound):
        return False
    if isinstance(found, bool) or isinstance(wanted, bool):
        return found is wanted
    return leaf_text(found) == str(wanted)
