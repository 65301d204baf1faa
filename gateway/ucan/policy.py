"""UCAN's policy language: statements that an invocation's arguments must satisfy.

A policy is checked once, when its token is read; evaluating it afterwards cannot fail. A statement whose
selector finds nothing is false, `!=` included, and `any` over an empty collection is false: doubt refuses.
"""

import operator
from collections.abc import Callable
from typing import TypeGuard

from gateway.ucan.dag import UcanError
from gateway.ucan.selectors import Unresolved, parse, resolve

type Test = Callable[[object], bool]

_ORDER: dict[str, Callable[[int | float, int | float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def compile_policy(policy: object) -> Test:
    """A test of arguments: all top-level statements hold. UcanError if the policy is not well-formed."""
    tests = _statements(policy)
    return lambda arguments: all(test(arguments) for test in tests)


def _statements(value: object) -> list[Test]:
    if not isinstance(value, list):
        raise UcanError("A policy is a list of statements.")
    return [_statement(item) for item in value]


def _statement(value: object) -> Test:
    match value:
        case ["and", inner]:
            return compile_policy(inner)
        case ["or", inner]:
            return _either(_statements(inner))
        case ["not", inner]:
            return _inverse(_statement(inner))
        case ["all" | "any" as word, selector, inner]:
            return _quantifier(all if word == "all" else any, selector, _statement(inner))
        case ["==", selector, wanted]:
            return _about(selector, lambda found: same(found, wanted))
        case ["!=", selector, wanted]:
            return _about(selector, lambda found: not same(found, wanted))
        case ["like", selector, str(pattern)]:
            return _about(selector, lambda found: isinstance(found, str) and like(found, pattern))
        case ["<" | "<=" | ">" | ">=" as word, selector, int() | float() as bound] if not isinstance(
            bound, bool
        ):
            return _about(selector, lambda found: _is_number(found) and _ORDER[word](found, bound))
    raise UcanError("A policy's statement is not one of those that UCAN 1.0 knows.")


def _either(tests: list[Test]) -> Test:
    return lambda arguments: not tests or any(test(arguments) for test in tests)


def _inverse(test: Test) -> Test:
    return lambda arguments: not test(arguments)


def _about(selector: object, holds: Callable[[object], bool]) -> Test:
    path = parse(selector)

    def test(arguments: object) -> bool:
        try:
            return holds(resolve(path, arguments))
        except Unresolved:
            return False

    return test


def _quantifier(fold: Callable[[list[bool]], bool], selector: object, inner: Test) -> Test:
    def holds(found: object) -> bool:
        if isinstance(found, dict):
            found = list(found.values())
        return isinstance(found, list) and fold([inner(item) for item in found])

    return _about(selector, holds)


def same(left: object, right: object) -> bool:
    """Deep equality in IPLD's data model, numbers by value; true is not 1, text is not bytes."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if _is_number(left) and _is_number(right):
        return left == right
    return type(left) is type(right) and left == right


def like(text: str, pattern: str) -> bool:
    r"""Match a glob whose one special character is `*`; `\*` is a star itself. Takes linear time."""
    first, *rest = _pieces(pattern)
    if not rest:
        return text == first
    *middle, last = rest
    position, end = len(first), len(text) - len(last)
    if not (text.startswith(first) and text.endswith(last) and position <= end):
        return False
    for piece in middle:
        found = text.find(piece, position, end)
        if found < 0:
            return False
        position = found + len(piece)
    return True


def _pieces(pattern: str) -> list[str]:
    """The literal text between a pattern's wildcards."""
    pieces = [""]
    escaped = pattern.split("\\*")
    for number, part in enumerate(escaped):
        head, *tail = part.split("*")
        pieces[-1] += ("*" if number else "") + head
        pieces.extend(tail)
    return pieces


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
