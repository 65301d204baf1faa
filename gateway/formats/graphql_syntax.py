"""GraphQL's grammar for executable documents: operations and fragments, as far as a gateway needs them."""

from collections.abc import Mapping
from typing import Literal, cast

from gateway.bodies import MAX_DEPTH, Json, JsonLeaf, JsonNumber
from gateway.errors import Refusal, ambiguous
from gateway.formats.graphql_tokens import Token, tokens
from gateway.formats.refusals import shown
from gateway.values import dataclass

type Kind = Literal["query", "mutation", "subscription"]
_KINDS: dict[str, Kind] = {"query": "query", "mutation": "mutation", "subscription": "subscription"}


@dataclass(frozen=True, slots=True)
class Variable:
    name: str


type Value = JsonLeaf | Variable | list[Value] | dict[str, Value]


@dataclass(frozen=True, slots=True)
class Field:
    """A field with its arguments; `key` is what its answer is called, `below` what is selected of it."""

    key: str
    name: str
    args: Mapping[str, Value]
    below: tuple["Selection", ...]


@dataclass(frozen=True, slots=True)
class Spread:
    fragment: str


@dataclass(frozen=True, slots=True)
class Inline:
    below: tuple["Selection", ...]


type Selection = Field | Spread | Inline


@dataclass(frozen=True, slots=True)
class VariableDefinition:
    """`default` counts only where `has_default` says that there is one: it may be null."""

    required: bool
    has_default: bool
    default: Json


@dataclass(frozen=True, slots=True)
class Operation:
    kind: Kind
    name: str | None
    variables: Mapping[str, VariableDefinition]
    selections: tuple[Selection, ...]


@dataclass(frozen=True, slots=True)
class Document:
    operations: tuple[Operation, ...]
    fragments: Mapping[str, tuple[Selection, ...]]


def parse_document(source: str) -> Document:
    """The document; refused if it is not an executable one, or defines a name twice."""
    return _Parser(tokens(source)).document()


def _unreadable(token: Token) -> Refusal:
    found = shown(token.text) if token.kind != "end" else "its end"
    return ambiguous(f"The GraphQL query cannot be read at {found}; send a valid document.")


class _Parser:
    def __init__(self, found: list[Token]) -> None:
        self.tokens = found
        self.at = 0
        self.depth = 0

    def document(self) -> Document:
        operations: list[Operation] = []
        fragments: dict[str, tuple[Selection, ...]] = {}
        while self._next().kind != "end":
            if self._is("name", "fragment"):
                name, selections = self._fragment()
                _put(fragments, name, selections)
            else:
                operations.append(self._operation())
        names = [operation.name for operation in operations]
        if len(set(names)) != len(names) or (None in names and len(names) > 1):
            raise ambiguous(
                "Two operations of the GraphQL query share a name or have none; name each differently."
            )
        return Document(tuple(operations), fragments)

    def _next(self) -> Token:
        return self.tokens[self.at]

    def _is(self, kind: str, text: str) -> bool:
        token = self.tokens[self.at]
        return token.kind == kind and token.text == text

    def _take(self) -> Token:
        token = self.tokens[self.at]
        if token.kind != "end":
            self.at += 1
        return token

    def _takes(self, sign: str) -> bool:
        """Whether the sign stands here; it is taken if so."""
        if self._is("punctuator", sign):
            self.at += 1
            return True
        return False

    def _want(self, sign: str) -> None:
        if not self._takes(sign):
            raise _unreadable(self._next())

    def _name(self) -> str:
        token = self._take()
        if token.kind != "name":
            raise _unreadable(token)
        return token.text

    def _deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ambiguous(
                f"The GraphQL query is nested deeper than {MAX_DEPTH} levels; send a flatter one."
            )

    def _operation(self) -> Operation:
        if self._is("punctuator", "{"):
            return Operation("query", None, {}, self._selections())
        word = self._take()
        if word.kind != "name" or word.text not in _KINDS:
            raise _unreadable(word)
        name = self._name() if self._next().kind == "name" else None
        variables = self._variables()
        self._directives()
        return Operation(_KINDS[word.text], name, variables, self._selections())

    def _fragment(self) -> tuple[str, tuple[Selection, ...]]:
        self._name()
        name = self._name()
        on = self._name()
        if name == "on" or on != "on":
            raise ambiguous("A GraphQL fragment must be: fragment <name> on <type>.")
        self._name()
        self._directives()
        return name, self._selections()

    def _variables(self) -> dict[str, VariableDefinition]:
        found: dict[str, VariableDefinition] = {}
        if not self._takes("("):
            return found
        while not self._takes(")") or not found:
            self._want("$")
            name = self._name()
            self._want(":")
            required = self._type()
            has_default = self._takes("=")
            default = self._constant() if has_default else None
            self._directives()
            _put(found, name, VariableDefinition(required, has_default, default))
        return found

    def _type(self) -> bool:
        """Whether the type is non-null; what it is otherwise only the schema can check."""
        self._deeper()
        if self._takes("["):
            self._type()
            self._want("]")
        else:
            self._name()
        self.depth -= 1
        return self._takes("!")

    def _directives(self) -> None:
        while self._takes("@"):
            self._name()
            self._arguments()

    def _selections(self) -> tuple[Selection, ...]:
        self._want("{")
        self._deeper()
        found = [self._selection()]
        while not self._takes("}"):
            found.append(self._selection())
        self.depth -= 1
        return tuple(found)

    def _selection(self) -> Selection:
        if not self._takes("..."):
            return self._field()
        if self._next().kind == "name" and not self._is("name", "on"):
            spread = Spread(self._name())
            self._directives()
            return spread
        if self._is("name", "on"):
            self._name()
            self._name()
        self._directives()
        return Inline(self._selections())

    def _field(self) -> Field:
        key = name = self._name()
        if self._takes(":"):
            name = self._name()
        args = self._arguments()
        self._directives()
        below = self._selections() if self._is("punctuator", "{") else ()
        return Field(key, name, args, below)

    def _arguments(self) -> dict[str, Value]:
        found: dict[str, Value] = {}
        if self._takes("("):
            while not self._takes(")") or not found:
                self._member(found, is_constant=False)
        return found

    def _member(self, found: dict[str, Value], *, is_constant: bool) -> None:
        name = self._name()
        self._want(":")
        _put(found, name, self._value(is_constant=is_constant))

    def _value(self, *, is_constant: bool) -> Value:
        self._deeper()
        value = self._bare_value(is_constant=is_constant)
        self.depth -= 1
        return value

    def _constant(self) -> Json:
        return cast(Json, self._value(is_constant=True))  # without variables the two types are the same

    def _bare_value(self, *, is_constant: bool) -> Value:
        token = self._take()
        if token.kind == "number":
            return JsonNumber(token.text)
        if token.kind == "string":
            return token.text
        if token.kind == "name":
            return {"null": None, "true": True, "false": False}.get(token.text, token.text)
        if token.text == "$" and not is_constant:
            return Variable(self._name())
        if token.text == "[":
            return self._list(is_constant=is_constant)
        if token.text == "{":
            return self._object(is_constant=is_constant)
        raise _unreadable(token)

    def _list(self, *, is_constant: bool) -> list[Value]:
        found: list[Value] = []
        while not self._takes("]"):
            found.append(self._value(is_constant=is_constant))
        return found

    def _object(self, *, is_constant: bool) -> dict[str, Value]:
        found: dict[str, Value] = {}
        while not self._takes("}"):
            self._member(found, is_constant=is_constant)
        return found


def _put[T](into: dict[str, T], name: str, value: T) -> None:
    if name in into:
        raise ambiguous(f"The GraphQL query names {shown(name)} twice in one place; send each name once.")
    into[name] = value
