"""What a `git push` asks for: the ref updates before the pack, and the push options."""

import re
from itertools import dropwhile
from typing import Literal

from gateway.errors import ambiguous
from gateway.formats.refusals import read_utf8, shown, too_many
from gateway.values import dataclass

MAX_COMMANDS = 1_000
MAX_LINES = 5_000
MIN_LINE = 5
MAX_LINE = 65_520
_LENGTH = re.compile(rb"[0-9a-fA-F]{4}")
_OID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHALLOW = re.compile(rb"shallow (?:[0-9a-f]{40}|[0-9a-f]{64})")
_BAD_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(?:/|$)|[/.]$")
_OBJECT_FORMATS = {"sha1": 40, "sha256": 64}

type Op = Literal["create", "update", "delete", "probe"]


@dataclass(frozen=True, slots=True)
class RefUpdate:
    """One ref and the objects it goes from and to; a probe (may I push?) has none of them."""

    ref: str
    old: str
    new: str
    op: Op


@dataclass(frozen=True, slots=True)
class Push:
    """`options` are what `git push -o` sends: some servers open or merge requests because of them."""

    updates: tuple[RefUpdate, ...]
    options: tuple[str, ...]


def parse_push(body: bytes) -> tuple[RefUpdate, ...]:
    return read_push(body).updates


def read_push(body: bytes) -> Push:
    """All updates in order, never none; refused if it is signed, malformed or says anything twice."""
    if body == b"0000":
        return Push((RefUpdate("", "", "", "probe"),), ())
    lines, at = _section(body, 0)
    commands = _commands(lines)
    first, _, listed = commands[0].partition(b"\0")
    capabilities = _capabilities(listed)
    updates = tuple(_update(line) for line in (first, *commands[1:]))
    _check_updates(updates, capabilities)
    options: list[bytes] = []
    if "push-options" in capabilities:
        options, at = _section(body, at)
    if at < len(body) and not body.startswith(b"PACK", at):
        raise ambiguous("The push goes on with something that is not a pack; send it with git.")
    return Push(updates, tuple(_option(line) for line in options))


def _commands(lines: list[bytes]) -> list[bytes]:
    """The ref updates; a shallow clone says first where its history ends."""
    commands = list(dropwhile(_SHALLOW.fullmatch, lines))
    if not commands:
        raise ambiguous("The push names no ref; push at least one.")
    if len(commands) > MAX_COMMANDS:
        raise too_many("ref updates", MAX_COMMANDS)
    return commands


def _section(body: bytes, at: int) -> tuple[list[bytes], int]:
    """The lines up to the next flush, each without its one line end, and where the rest begins."""
    lines: list[bytes] = []
    while not body.startswith(b"0000", at):
        length = _length(body, at)
        lines.append(body[at + 4 : at + length].removesuffix(b"\n"))
        if len(lines) > MAX_LINES:
            raise too_many("lines before its pack", MAX_LINES)
        at += length
    return lines, at + 4


def _length(body: bytes, at: int) -> int:
    raw = body[at : at + 4]
    length = int(raw, 16) if _LENGTH.fullmatch(raw) else 0
    if not MIN_LINE <= length <= MAX_LINE or at + length > len(body):
        raise ambiguous("The push is cut short or its lines have wrong lengths; send it with git.")
    return length


def _capabilities(raw: bytes) -> frozenset[str]:
    text = read_utf8(raw, "push's list of capabilities")
    if not text.replace(" ", "").isprintable():
        raise ambiguous("The push's list of capabilities holds control characters; send it with git.")
    return frozenset(text.split(" "))


def _update(line: bytes) -> RefUpdate:
    if line == b"push-cert" or line.startswith(b"push-cert "):
        raise ambiguous("A signed push hides its ref updates in a certificate; push without --signed.")
    old, _, rest = read_utf8(line, "push").partition(" ")
    new, _, ref = rest.partition(" ")
    if not _OID.fullmatch(old) or not _OID.fullmatch(new) or len(old) != len(new):
        raise ambiguous("A ref update of the push is not <old> <new> <ref>; send it with git.")
    if not ref.startswith("refs/") or _BAD_REF.search(ref):
        raise ambiguous(f"The push names {shown(ref)}, which is no valid ref; write it as refs/heads/<name>.")
    return RefUpdate(ref, old, new, _op(old, new))


def _op(old: str, new: str) -> Op:
    is_create, is_delete = not old.strip("0"), not new.strip("0")
    if is_create and is_delete:
        raise ambiguous("A ref update of the push goes from nothing to nothing; leave it out.")
    if is_create:
        return "create"
    return "delete" if is_delete else "update"


def _check_updates(updates: tuple[RefUpdate, ...], capabilities: frozenset[str]) -> None:
    lengths = {len(update.old) for update in updates}
    for capability in capabilities:
        name, _, value = capability.partition("=")
        if name == "object-format":
            lengths.add(_OBJECT_FORMATS.get(value, 0))
    if len(lengths) != 1:
        raise ambiguous("The push mixes object formats; send it with git.")
    if len({update.ref for update in updates}) != len(updates):
        raise ambiguous("The push updates one ref twice; push each ref once.")


def _option(line: bytes) -> str:
    text = read_utf8(line, "push option")
    if not text.isprintable():
        raise ambiguous("A push option holds control characters; leave them out.")
    return text
