"""Names for a draft: captures that are one thing have one name, resources and ids follow from the paths."""

import re
from collections.abc import Sequence

from gateway.authoring.operations import Operation
from gateway.authoring.samples import captures
from gateway.authoring.words import singular, tokens
from gateway.values import dataclass

MANY = re.compile(r"^(path|file_?path|filepath|proxy|rest|splat)$", re.IGNORECASE)
_SEGMENT = re.compile(r"\{([^{}/]*)\}")
_UNFIT = re.compile(r"[%;\\?#\s{}]|[^\x20-\x7e]")
_VERBS = (
    "accept activate add approve archive assign attach block cancel capture check clear close commit "
    "compare complete confirm copy create deactivate decline delete deploy describe detach disable "
    "dismiss dispatch download enable exec execute expire export finalize force get import install "
    "invite invoke list lock login logout merge move pause pay patch pin promote publish purge put "
    "query read refresh refund register reject release remove rename renew replace report reset resend "
    "restart restore resume retry revoke rotate run search send set share sign split start stop submit "
    "subscribe suspend sync test transfer trigger unarchive unassign unblock undo uninstall unlock "
    "unpin unpublish unsubscribe unsuspend update upgrade upload validate verify void withdraw write "
)
VERBS = frozenset(_VERBS.split())


@dataclass(frozen=True, slots=True)
class Route:
    """An operation with its path as a template writes it; `origin` has the parameters behind its `names`."""

    operation: Operation
    segments: tuple[str, ...]
    names: tuple[str, ...]
    origin: dict[str, str]

    @property
    def path(self) -> str:
        return "/" + "/".join(self.segments)

    @property
    def shape(self) -> tuple[str, str]:
        return self.operation.method, _SEGMENT.sub("{}", self.path)


def snake(text: str) -> str:
    made = "_".join(
        re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", part).lower() for part in re.findall(r"[A-Za-z0-9]+", text)
    )
    made = re.sub(r"_+", "_", made).strip("_")
    return f"n{made}" if not made or made[0].isdigit() else made


def camel(text: str) -> str:
    made = "".join(part.capitalize() for part in snake(text).split("_"))
    return made or "Thing"


def routes(operations: Sequence[Operation]) -> tuple[list[Route], list[tuple[Operation, str]]]:
    """Each path once for each method; the rest with the reason why it is left out."""
    known: dict[str, str] = {}
    made, left, taken = list[Route](), list[tuple[Operation, str]](), dict[tuple[str, str], str]()
    for operation in operations:
        route = _route(operation, known)
        if route is None:
            left.append((operation, "no template can write this path"))
        elif route.shape in taken:
            left.append((operation, f"the same requests as {taken[route.shape]}"))
        else:
            taken[route.shape] = operation.id
            made.append(route)
    return made, left


def _route(operation: Operation, known: dict[str, str]) -> Route | None:
    """`known` has the names of captures by where they stand, shared by all paths that begin alike."""
    parts = re.split(r"[?#]", operation.path, maxsplit=1)[0][1:].split("/")
    made, names, origin = list[str](), list[str](), dict[str, str]()
    for index, part in enumerate(parts):
        before, mark, rest = part.partition("{")
        after = rest.rpartition("}")[2]
        if _UNFIT.search(before + after) or (not part and index + 1 < len(parts)) or part in {".", ".."}:
            return None
        if not mark:
            made.append(part)
            continue
        inner = captures(part)
        # Names that the paths before gave to this place hold here too.
        place = _SEGMENT.sub("{}", "/".join([*made, part]))
        name = known.setdefault(place, _capture("_".join(inner)))
        name = name if name not in names else f"{name}_{len(names) + 1}"
        many = len(inner) == 1 and ("+" in rest or (MANY.match(inner[0]) and index == len(parts) - 1))
        star = "*" if many and not any("*" in each for each in made) else ""
        made.append(f"{before}{{{name}{star}}}{after}")
        names.append(name)
        origin[name] = inner[0] if len(inner) == 1 else ""
    return Route(operation, tuple(made), tuple(names), origin)


def _capture(text: str) -> str:
    name = snake(text)
    return (
        f"{name}_name"
        if name in {"host", "true", "false", "if", "then", "else", "in", "is", "like", "has"}
        else name
    )


# Resources.


@dataclass(frozen=True, slots=True)
class Kind:
    """A resource type: what its `at` captures names it. `above` is the path of its parent."""

    name: str
    at: str
    names: tuple[str, ...]
    above: str | None


def kinds(found: Sequence[Route]) -> dict[str, Kind]:
    """The resource types, by path; a parent stands before its children."""
    paths: dict[str, tuple[str, ...]] = {}
    for route in found:
        for path, names in _prefixes(route):
            paths.setdefault(path, names)
    made: dict[str, Kind] = {}
    used: dict[str, str] = {}
    for path in sorted(paths, key=lambda each: (each.count("/"), each)):
        above = next((up for up in _ups(path) if up in made), None)
        name = _kind_name(path, made[above].name if above else "", used)
        used[name] = path
        made[path] = Kind(name, path, paths[path], above)
    return made


def _prefixes(route: Route) -> list[tuple[str, tuple[str, ...]]]:
    """Where a run of captures ends: what stands there names a thing."""
    found, names = list[tuple[str, tuple[str, ...]]](), list[str]()
    for index, segment in enumerate(route.segments):
        capture = _SEGMENT.search(segment)
        if capture is None:
            continue
        if "*" in segment or segment.startswith("{") is False:
            break
        names.append(capture[1])
        after = route.segments[index + 1] if index + 1 < len(route.segments) else ""
        if not after.startswith("{") or "*" in after:
            found.append(("/" + "/".join([*route.segments[:index], capture[0]]), tuple(names)))
        if segment != capture[0]:
            break
    return found


def _ups(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(len(parts) - 1, 1, -1)]


def _kind_name(path: str, above: str, used: dict[str, str]) -> str:
    parts = path.split("/")
    before = next((part for part in reversed(parts) if part and "{" not in part), "")
    last = re.sub(r"[{}]", "", parts[-1])
    plain = camel(_noun(before) if before else re.sub(r"_(id|name|slug)$", "", last))
    choices = [plain, f"{above}{plain}", f"{plain}{camel(last)}", *(f"{plain}{n}" for n in range(2, 1000))]
    return next(
        name for name in choices if name not in used and name not in {"Host", ""} and name[0].isalpha()
    )


def _noun(word: str) -> str:
    parts = snake(word).split("_")
    return "_".join([*parts[:-1], singular(parts[-1])])


# Ids.


def action_ids(found: Sequence[Route]) -> list[str]:
    """noun/verb for each route, each its own."""
    used: set[str] = set()
    made = []
    for route in found:
        noun, verb = _noun_and_verb(route)
        above = next((_noun(part) for part in reversed(route.segments[:-2]) if "{" not in part and part), "")
        noun = "unmatched_one" if noun == "unmatched" else noun
        choices = [f"{noun}/{verb}", *([f"{above}_{noun}/{verb}"] if above else ())]
        choices.append(f"{noun}/{verb}_{snake(route.operation.id)}")
        choices += [f"{noun}/{verb}_{n}" for n in range(2, 10_000)]
        chosen = next(name for name in choices if name not in used)
        used.add(chosen)
        made.append(chosen)
    return made


def _noun_and_verb(route: Route) -> tuple[str, str]:
    named = route.operation.id
    if re.fullmatch(r"[A-Za-z0-9_-]+[/.:][A-Za-z0-9_.-]+", named) and not named.startswith("/"):
        noun, _, verb = re.sub(r"[.:]", "/", named).rpartition("/")
        return _noun(noun), snake(verb)
    words = [
        word.lower()
        for word in re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", named).replace("_", " ").replace("-", " ").split()
    ]
    if " " not in named and len(words) > 1 and words[0] in VERBS - {"get", "put", "patch", "delete"}:
        return _from_words(words)
    if " " not in named and len(words) > 1 and words[0] in VERBS and not _echoes(words[1:], route):
        return _from_words(words)
    return _from_path(route)


def _from_words(words: list[str]) -> tuple[str, str]:
    """listPetsByOwner: pet/list_by_owner."""
    verb, rest = words[0], words[1:]
    cut = next(
        (i for i, word in enumerate(rest) if word in {"by", "for", "in", "from", "to", "with", "of"} and i),
        len(rest),
    )
    noun = snake("_".join([*rest[: cut - 1], singular(rest[cut - 1])]))
    tail = rest[cut:]
    return noun, verb if not tail or tail == ["by", "id"] else f"{verb}_{snake('_'.join(tail))}"


def _echoes(words: list[str], route: Route) -> bool:
    """Is the id only the path over again, as in DeleteCustomersCustomer?"""
    path = "".join(tokens(route.path))
    return "".join(singular(word) for word in words) in path


def _from_path(route: Route) -> tuple[str, str]:
    literals = [segment for segment in route.segments if segment and "{" not in segment]
    plain = [word for word in literals if not re.fullmatch(r"v[0-9]+(\.[0-9]+)?|api", word)] or ["root"]
    last, ends_in_capture = plain[-1], "{" in route.segments[-1]
    affix = re.search(r"\}:([A-Za-z]+)$", route.segments[-1])
    if affix is not None:
        return _noun(last), snake(affix[1])
    method = route.operation.method
    if not ends_in_capture and len(plain) > 1 and snake(last).split("_")[0] in VERBS:
        return _noun(plain[-2]), snake(last)
    usual = {
        "GET": "get",
        "HEAD": "head",
        "PUT": "put",
        "PATCH": "update",
        "DELETE": "delete",
        "OPTIONS": "options",
    }
    if method == "GET" and not ends_in_capture:
        return _noun(last), "list" if last.endswith("s") else "get"
    if method == "POST":
        return _noun(last), "update" if ends_in_capture else "create"
    return _noun(last), usual.get(method, snake(method))
