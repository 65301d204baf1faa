"""GraphQL's lexical grammar: source text in, tokens out."""

import re
from typing import Literal

from gateway.errors import ambiguous
from gateway.formats.refusals import too_many
from gateway.values import dataclass

MAX_TOKENS = 20_000
MAX_TEXT = 1_000_000

type TokenKind = Literal["punctuator", "name", "number", "string", "end"]


@dataclass(frozen=True, slots=True)
class Token:
    """`text` is the name, the number as written, the sign, or what the string means."""

    kind: TokenKind
    text: str


END = Token("end", "")

_SKIPPED = re.compile(r"(?:[ \t\n\r,]++|#[^\n\r]*+)*+")
_TOKEN = re.compile(
    r"(?P<name>[_A-Za-z][_0-9A-Za-z]*+)"
    r"|(?P<punctuator>\.\.\.|[!$&()\[\]{}:=@|])"
    r"|(?P<number>-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?)(?![0-9.A-Za-z_])"
    r'|"""(?P<block>(?:[^"\\]++|\\"""|\\|"(?!""))*+)"""'
    r'|(?P<string>"(?:[^"\\\n\r]++|\\[^\n\r])*+")(?!")'
)
_UNUSUAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufeff\ud800-\udfff]")
_BARE_RETURN = re.compile("\r(?!\n)")
_ODD_BREAK = re.compile("[\u0085\u2028\u2029]")
_ESCAPE = re.compile(
    r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|u\{([0-9a-fA-F]{1,8})\}|(.))"
)
_SIMPLE = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_SURROGATES = range(0xD800, 0xE000)
_LAST = 0x10FFFF


def tokens(source: str) -> list[Token]:
    """All tokens of a document, ended by END."""
    if len(source) > MAX_TEXT:
        raise too_many("characters of GraphQL", MAX_TEXT)
    if _UNUSUAL.search(source) or _BARE_RETURN.search(source):
        raise ambiguous(
            "The GraphQL query holds a control character or a bare carriage return; leave it out."
        )
    found: list[Token] = []
    at = _skip(source, 0)
    while at < len(source):
        match = _TOKEN.match(source, at)
        if not match:
            raise ambiguous("The GraphQL query cannot be read; send a valid document.")
        found.append(_token(match))
        if len(found) > MAX_TOKENS:
            raise too_many("GraphQL tokens", MAX_TOKENS)
        at = _skip(source, match.end())
    return [*found, END]


def _skip(source: str, at: int) -> int:
    end = _SKIPPED.match(source, at).end()  # type: ignore[union-attr]  # it matches nothing too
    if _ODD_BREAK.search(source, at, end):
        raise ambiguous(
            "A comment of the GraphQL query holds an unusual line break, where some readers end it."
        )
    return end


def _token(match: re.Match[str]) -> Token:
    kind = match.lastgroup
    if kind == "block":
        return Token("string", _block(match["block"]))
    if kind == "string":
        return Token("string", _ESCAPE.sub(_unescape, match["string"][1:-1]))
    if kind == "name":
        return Token("name", match["name"])
    return Token("number" if kind == "number" else "punctuator", match[0])


def _unescape(match: re.Match[str]) -> str:
    high, low, four, braced, simple = match.groups()
    if high:
        return (bytes.fromhex(high) + bytes.fromhex(low)).decode("utf-16-be")
    if simple:
        if simple not in _SIMPLE:
            raise ambiguous(
                "A string of the GraphQL query holds an unknown escape; write the character itself."
            )
        return _SIMPLE[simple]
    code = int(four or braced, 16)
    if code in _SURROGATES or code > _LAST:
        raise ambiguous(
            "A string of the GraphQL query holds half of a surrogate pair; send whole characters."
        )
    return chr(code)


def _block(raw: str) -> str:
    """The text of a block string: common indentation and blank lines around it do not count."""
    lines = re.split(r"\r\n|\n", raw.replace('\\"""', '"""'))
    indents = [len(line) - len(line.lstrip(" \t")) for line in lines[1:] if line.strip(" \t")]
    cut = min(indents, default=0)
    lines[1:] = [line[cut:] for line in lines[1:]]
    filled = [index for index, line in enumerate(lines) if line.strip(" \t")]
    return "\n".join(lines[filled[0] : filled[-1] + 1]) if filled else ""
