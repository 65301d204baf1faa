"""The context of an action: typed values out of a request. What cannot be read as its type is refused."""

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Literal, cast

from gateway.bodies import JsonNumber, leaf_text
from gateway.errors import ConfigError, Place, ambiguous
from gateway.model import ContextValue
from gateway.templates.fields import Fields, items, members, scalar_text, text, whole, word
from gateway.templates.money import MoneyRule
from gateway.templates.params import fold_lower
from gateway.templates.reading import Compound, Found
from gateway.templates.selectors import BodySize, Source, parse_selector
from gateway.templates.view import View
from gateway.templates.yaml12 import Yaml
from gateway.values import dataclass

type ValueType = Literal["string", "int", "bool", "money", "set", "count"]

TYPES: tuple[ValueType, ...] = ("string", "int", "bool", "money", "set", "count")
MAX_INT = 2**63 - 1
_INT = re.compile(r"0|-?[1-9][0-9]{0,18}")
MAX_ITEMS = 10_000

RESERVED = frozenset({
    "approvals", "break_glass", "cosigner", "delegate", "grant", "host", "intent_risk", "method", "now",
    "purpose", "recent", "requester_ip", "risk", "spent", "units",
})  # fmt: skip
"""What the gateway itself puts into every context."""
CEDAR_WORDS = frozenset({"true", "false", "if", "then", "else", "in", "is", "like", "has", "__cedar"})


@dataclass(frozen=True, slots=True)
class DefaultCurrency:
    """The operator's currency for requests that name none, per account where a map is given."""

    otherwise: str | None
    key: Source | None = None
    table: Mapping[str, str] = field(default_factory=dict)

    def find(self, view: View) -> str | None:
        named = _single(self.key, view) if self.key is not None else None
        return self.table.get(named, self.otherwise) if isinstance(named, str) else self.otherwise


@dataclass(frozen=True, slots=True)
class MoneyField:
    currency: Source
    default: DefaultCurrency | None
    rule: MoneyRule


@dataclass(frozen=True, slots=True)
class ContextField:
    """One attribute of an action's context. For money, `source` is the amount."""

    name: str
    type: ValueType
    source: Source
    default: ContextValue | None = None
    refuse_missing: bool = False
    enum: tuple[str, ...] = ()
    fold: bool = False
    money: MoneyField | None = None

    @property
    def required(self) -> bool:
        always = self.type in {"set", "count"} or isinstance(self.source, BodySize)
        return always or self.default is not None or self.refuse_missing

    @property
    def sources(self) -> tuple[Source, ...]:
        if self.money is None:
            return (self.source,)
        default = self.money.default
        key = (default.key,) if default is not None and default.key is not None else ()
        return (self.source, self.money.currency, *key)

    def read(self, view: View) -> ContextValue | None:
        """None where nothing stands there and nothing stands in for it."""
        value = self._read(view)
        if value is None and self.refuse_missing:
            raise ambiguous(f"{self.source.text!r} is missing; this request needs it.")
        return self.default if value is None else value

    def _read(self, view: View) -> ContextValue | None:
        if self.type == "set":
            return tuple(self._text(item) for item in self._many(view))
        if self.type == "count":
            return len(self._many(view))
        if self.money is not None:
            return self._money(self.money, view)
        found = _single(self.source, view)
        if found is None:
            return None
        if self.type == "bool":
            return self._bool(found)
        return self._int(found) if self.type == "int" else self._text(found)

    def _many(self, view: View) -> list[Found]:
        found = list(self.source.read(view))
        if len(found) > MAX_ITEMS:
            raise ambiguous(f"{self.source.text!r} has more than {MAX_ITEMS} values.")
        return found

    def _text(self, found: Found) -> str:
        if isinstance(found, Compound) or found is None:
            raise ambiguous(f"{self.source.text!r} holds something other than a single value.")
        value = leaf_text(found)
        value = fold_lower(value, f"{self.source.text!r}") if self.fold else value
        if self.enum and value not in self.enum:
            raise ambiguous(f"{self.source.text!r} is none of {', '.join(self.enum)}.")
        return value

    def _int(self, found: Found) -> int:
        written = self._text(found)
        if isinstance(found, bool) or not _INT.fullmatch(written) or abs(int(written)) > MAX_INT:
            raise ambiguous(f"{self.source.text!r} is not a plain whole number; write it in digits only.")
        return int(written)

    def _bool(self, found: Found) -> bool:
        if isinstance(found, JsonNumber) or found not in {True, False, "true", "false"}:
            raise ambiguous(f"{self.source.text!r} is neither true nor false.")
        return found is True or found == "true"

    def _money(self, money: MoneyField, view: View) -> ContextValue | None:
        amount, currency = _single(self.source, view), _single(money.currency, view)
        if currency is None and money.default is not None:
            currency = money.default.find(view)
        if amount is None:
            return None
        if isinstance(amount, (bool, Compound)) or isinstance(currency, (bool, Compound, JsonNumber)):
            raise ambiguous(f"{self.source.text!r} and its currency cannot be read as money.")
        return money.rule.read(amount, currency)


def _single(source: Source, view: View) -> Found:
    """The one value, or None where nothing or null stands there."""
    found = source.read(view)
    if len(found) > 1:
        raise ambiguous(f"{source.text!r} stands there more than once; send it once.")
    return found[0] if found else None


def read_context(node: Yaml | None) -> tuple[ContextField, ...]:
    return tuple(_read_field(key.text, key.place, item) for key, item in members(node, '"context"'))


def _read_field(name: str, place: Place, node: Yaml) -> ContextField:
    if name in RESERVED:
        raise ConfigError(f'"{name}" is set by the gateway itself.', place, "Choose another name.")
    if name in CEDAR_WORDS:
        raise ConfigError(f'"{name}" is a word of Cedar\'s own.', place, "Choose another name.")
    if not re.fullmatch(r"[a-z_][a-z0-9_]*", name):
        raise ConfigError(
            f"{name!r} cannot name an attribute.", place, "Use lower-case letters, digits and '_'."
        )
    fields = Fields(node, f'The context field "{name}"')
    kind = cast("ValueType", fields.word("type", TYPES) or "string")
    default, missing = fields.get("default"), fields.word("missing", ["absent", "refuse"])
    enum = fields.get("enum")
    fold = fields.word("fold", ["lower"]) is not None
    source, money = _read_money(fields) if kind == "money" else (_read_source(fields), None)
    fields.finish()
    if default is not None and missing == "refuse":
        raise ConfigError(
            f'"{name}" has a default and refuses to be missing.', default.place, "Keep one of them."
        )
    made = ContextField(
        name,
        kind,
        source,
        _read_default(default, kind) if default is not None else None,
        missing == "refuse",
        tuple(scalar_text(item, "A value of enum") for item in items(enum)),
        fold,
        money,
    )
    if made.enum and isinstance(made.default, str) and made.default not in made.enum:
        raise ConfigError(
            f"The default {made.default!r} is not in the enum.", default.place if default else place
        )
    return made


def _read_source(fields: Fields) -> Source:
    node = fields.need("from")
    return parse_selector(text(node, '"from"'), node.place)


def _read_default(node: Yaml, kind: ValueType) -> ContextValue:
    if kind == "int":
        return whole(node, '"default"', -MAX_INT, MAX_INT)
    if kind == "bool":
        return word(node, '"default"', ["true", "false"]) == "true"
    if kind == "string":
        return scalar_text(node, '"default"')
    raise ConfigError(
        f"A {kind} has no default.", node.place, "Take it away: a set starts empty, money is absent."
    )


def _read_money(fields: Fields) -> tuple[Source, MoneyField]:
    amount, currency = fields.need("amount"), fields.need("currency")
    unit = cast('Literal["minor", "major"]', fields.word("unit", ["minor", "major"]) or "minor")
    exponents = {
        key.text.lower(): whole(item, f'The exponent of "{key.text}"', 0, 8)
        for key, item in members(fields.get("exponents"), '"exponents"')
    }
    default = fields.get("default_currency")
    rule = MoneyRule(unit, exponents)
    money = MoneyField(
        parse_selector(text(currency, '"currency"'), currency.place),
        None if default is None else _read_default_currency(default),
        rule,
    )
    return parse_selector(text(amount, '"amount"'), amount.place), money


def _read_default_currency(node: Yaml) -> DefaultCurrency:
    if not isinstance(node.value, dict):
        return DefaultCurrency(text(node, '"default_currency"') or None)
    fields = Fields(node, '"default_currency"')
    by, otherwise = fields.need("by"), fields.text("else")
    table = {key.text: scalar_text(item, "A currency") for key, item in members(fields.need("of"), '"of"')}
    fields.finish()
    return DefaultCurrency(otherwise or None, parse_selector(text(by, '"by"'), by.place), table)
