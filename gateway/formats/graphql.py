"""What a GraphQL request would run: each field at the root of its one operation, with its real arguments."""

from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Literal, NamedTuple

from gateway.bodies import MAX_DEPTH, MAX_VALUES, Json, JsonNumber, Pairs, parse_json
from gateway.errors import ambiguous
from gateway.formats.graphql_syntax import (
    Document,
    Field,
    Inline,
    Operation,
    Selection,
    Spread,
    Value,
    Variable,
    VariableDefinition,
    parse_document,
)
from gateway.formats.refusals import shown, too_many
from gateway.values import dataclass

MAX_FIELDS = 200
MAX_BATCH = 50
MAX_BATCH_TEXT = 200_000
MAX_GROWTH = 4
"""How often, all in all, the variables' text may stand in the arguments."""
_PARAMETERS = {"query", "operationName", "variables", "extensions"}
_PERSISTED = {"documentid", "doc_id", "id", "queryid", "query_id", "hash", "persistedquery"}


@dataclass(frozen=True, slots=True)
class GraphqlField:
    """A root field under its own name, whatever alias it was given."""

    kind: Literal["query", "mutation", "subscription"]
    field: str
    args: Mapping[str, Json]


class GraphqlRequest(NamedTuple):
    query: str
    operation: str | None
    variables: Json


def from_json(body: Json) -> list[GraphqlRequest]:
    """The requests of a JSON body, one or a batch; a persisted query is refused: its text is elsewhere."""
    items = body if isinstance(body, list) else [body]
    if not items:
        raise ambiguous("The GraphQL batch is empty; send at least one query.")
    if len(items) > MAX_BATCH:
        raise too_many("GraphQL requests", MAX_BATCH)
    found = [_request(item) for item in items]
    if len(found) > 1 and sum(len(request.query) for request in found) > MAX_BATCH_TEXT:
        raise too_many("characters of GraphQL in one batch", MAX_BATCH_TEXT)
    return found


def from_query(pairs: Pairs) -> list[GraphqlRequest]:
    """The request of a GET's query string or of a form."""
    item: dict[str, Json] = {}
    for key, value in pairs:
        if key in item or _is_hidden(key):
            raise ambiguous(f"The GraphQL request's {shown(key)} is given in a way not every server reads.")
        if key in _PARAMETERS:
            item[key] = parse_json(value.encode()) if key in {"variables", "extensions"} else value
    return [_request(item)]


def check_url(pairs: Pairs) -> None:
    """Refuses a POST's URL with a query besides the body's: servers differ in which one they run."""
    for key, _ in pairs:
        if key in _PARAMETERS or _is_hidden(key):
            raise ambiguous(
                f"The URL of the GraphQL request carries {shown(key)}; send it in the body alone."
            )


def _is_hidden(key: str) -> bool:
    """A parameter that some server takes for one of GraphQL's own: `Query`, `variables[id]`, `documentId`."""
    stem = key.replace(".", "[").partition("[")[0].casefold()
    known = {name.casefold() for name in _PARAMETERS}
    return (stem in known and key not in _PARAMETERS) or stem in _PERSISTED


def _request(item: Json) -> GraphqlRequest:
    if not isinstance(item, dict):
        raise ambiguous("A GraphQL request must be an object with a query.")
    extensions = item.get("extensions")
    if not isinstance(extensions, (dict, type(None))) or (extensions and "persistedQuery" in extensions):
        raise ambiguous("The GraphQL request names a persisted query; send the query itself.")
    for key in item:
        if key not in _PARAMETERS:
            raise ambiguous(
                f"The GraphQL request holds {shown(key)}, which could name a stored query; leave it out."
            )
    query, operation, variables = item.get("query"), item.get("operationName"), item.get("variables")
    if not _is_text(query):
        raise ambiguous("The GraphQL request has no query text; send the query itself.")
    if not isinstance(variables, (dict, type(None))) or not (operation is None or _is_text(operation)):
        raise ambiguous("The GraphQL request's variables must be an object and its operationName a text.")
    return GraphqlRequest(str(query), None if operation is None else str(operation), variables)


def _is_text(value: Json) -> bool:
    return isinstance(value, str) and not isinstance(value, JsonNumber)


def parse_graphql(query: str, operation: str | None, variables: Json) -> tuple[GraphqlField, ...]:
    """Every field that the operation could run at its root, in order, never none.

    @skip and @include are ignored: a skipped field still counts. Fields that the server merges are one here.
    """
    document = parse_document(query)
    _check_fragments(document)
    chosen = _choose(document, operation)
    roots = _roots(document, chosen)
    given = {} if variables is None else variables
    if not isinstance(given, dict):
        raise ambiguous("The GraphQL variables must be an object.")
    bound = _Variables(chosen.variables, given)
    return tuple(GraphqlField(chosen.kind, root.name, bound.arguments(root.args)) for root in roots)


def _choose(document: Document, name: str | None) -> Operation:
    """The one operation that every server would run."""
    if not name and len(document.operations) == 1:
        return document.operations[0]
    for operation in document.operations:
        if name and operation.name == name:
            return operation
    raise ambiguous(
        "The GraphQL request does not say which operation to run; send operationName, or one operation."
    )


def _spreads(selections: Sequence[Selection]) -> Iterator[str]:
    """Every fragment named below, however deep."""
    stack = list(selections)
    while stack:
        selection = stack.pop()
        if isinstance(selection, Spread):
            yield selection.fragment
        else:
            stack.extend(selection.below)


def _check_fragments(document: Document) -> None:
    """All fragments that are spread exist, and none contains itself; each is looked at once."""
    uses = {name: set(_spreads(selections)) for name, selections in document.fragments.items()}
    named = {name for operation in document.operations for name in _spreads(operation.selections)}
    for name in named.union(*uses.values()):
        if name not in uses:
            raise ambiguous(f"The GraphQL query spreads the unknown fragment {shown(name)}; define it.")
    try:
        TopologicalSorter(uses).prepare()
    except CycleError as error:
        raise ambiguous("A GraphQL fragment contains itself; write its fields out.") from error


def _roots(document: Document, operation: Operation) -> list[Field]:
    """The fields at the root, each fragment entered once, as the specification collects them."""
    found: dict[str, Field] = {}
    entered: set[str] = set()
    stack: list[Selection] = list(reversed(operation.selections))
    while stack:
        selection = stack.pop()
        if isinstance(selection, Inline):
            stack.extend(reversed(selection.below))
        elif isinstance(selection, Spread):
            if selection.fragment not in entered:
                entered.add(selection.fragment)
                stack.extend(reversed(document.fragments[selection.fragment]))
        else:
            _collect(found, selection)
    return list(found.values())


def _collect(found: dict[str, Field], field: Field) -> None:
    known = found.setdefault(field.key, field)
    if known is not field and repr((known.name, known.args)) != repr((field.name, field.args)):
        raise ambiguous(f"Two GraphQL fields answer as {shown(field.key)}; give one of them an alias.")
    if len(found) > MAX_FIELDS:
        raise too_many("GraphQL root fields", MAX_FIELDS)


class _Absent:
    """Stands for a variable that may be missing, and is: its argument counts as not given."""


_ABSENT = _Absent()


class _Variables:
    """What the variables stand for, and how much of them may still be written into arguments."""

    def __init__(self, defined: Mapping[str, VariableDefinition], given: Mapping[str, Json]) -> None:
        self.values = {name: _variable(name, definition, given) for name, definition in defined.items()}
        self.sizes = {
            name: _size(value) for name, value in self.values.items() if not isinstance(value, _Absent)
        }
        self.room_for_values = MAX_VALUES
        self.room_for_text = MAX_GROWTH * sum(size.text for size in self.sizes.values())

    def arguments(self, args: Mapping[str, Value]) -> dict[str, Json]:
        return self._members(args, 1)

    def _members(self, members: Mapping[str, Value], depth: int) -> dict[str, Json]:
        found = {name: self._value(value, depth) for name, value in members.items()}
        return {name: value for name, value in found.items() if not isinstance(value, _Absent)}

    def _value(self, value: Value, depth: int) -> Json | _Absent:
        if isinstance(value, Variable):
            return self._use(value.name, depth)
        if isinstance(value, list):
            return [self._item(item, depth + 1) for item in value]
        if isinstance(value, dict):
            return self._members(value, depth + 1)
        return value

    def _item(self, value: Value, depth: int) -> Json:
        """Within a list a missing variable is null to some servers and nothing to others."""
        item = self._value(value, depth)
        if isinstance(item, _Absent):
            raise ambiguous("A GraphQL list holds a variable without a value; send one.")
        return item

    def _use(self, name: str, depth: int) -> Json | _Absent:
        if name not in self.values:
            raise ambiguous(
                f"The GraphQL query uses the variable {shown(name)} without declaring it; declare it."
            )
        value = self.values[name]
        if isinstance(value, _Absent):
            return value
        size = self.sizes[name]
        self.room_for_values -= size.values
        self.room_for_text -= size.text
        if self.room_for_values < 0 or self.room_for_text < 0:
            raise too_many("values once its GraphQL variables are written out", MAX_VALUES)
        if depth + size.height > MAX_DEPTH:
            raise ambiguous(
                f"The GraphQL arguments are nested deeper than {MAX_DEPTH} levels; send flatter ones."
            )
        return value


def _variable(name: str, definition: VariableDefinition, given: Mapping[str, Json]) -> Json | _Absent:
    """The value given, else the default; null in place of a default is the default to some servers."""
    value = given.get(name)
    if name in given and (value is not None or not (definition.has_default or definition.required)):
        return value
    if definition.has_default and name not in given:
        return definition.default
    if definition.required or definition.has_default:
        raise ambiguous(f"The GraphQL variable {shown(name)} has no value; send one.")
    return _ABSENT


@dataclass(frozen=True, slots=True)
class _Size:
    values: int
    text: int
    height: int


def _size(value: Json) -> _Size:
    """How much there is of a value; level by level, so that no input can exhaust the stack."""
    values = text = 0
    level = [value]
    for height in range(MAX_DEPTH + 1):
        if not level:
            return _Size(values, text, height)
        values += len(level)
        if values > MAX_VALUES:
            raise too_many("GraphQL values in one variable", MAX_VALUES)
        below: list[Json] = []
        for item in level:
            if isinstance(item, dict):
                text += sum(map(len, item))
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
            elif isinstance(item, str):
                text += len(item)
        level = below
    raise ambiguous(f"A GraphQL variable is nested deeper than {MAX_DEPTH} levels; send a flatter one.")
