"""Why Cedar refuses a policy file, in words that point at the place and name the way out.

Cedar's messages carry no line and no suggestion. Where it fails to parse, the shortest text that already
fails ends at the wrong word; where it fails to validate, its message quotes the wrong word.
"""

import re
from collections.abc import Iterable, Iterator

from cedarpy import PolicySet, validate_policies

from gateway.errors import ConfigError, ConfigErrors, Place
from gateway.policy.rules import Rule, asked_for, parse_rules
from gateway.policy.schemas import Schemas
from gateway.policy.source import Source, did_you_mean
from gateway.policy.tokens import Token, Tokens, find, statements, text_of, tokens_of
from gateway.policy.vocabulary import Vocabulary

_GRAMMAR = frozenset(
    re.findall(
        r"\w+",
        "permit forbid principal action resource context when unless is in has like if then else true false "
        "contains containsAll containsAny isEmpty getTag hasTag ip isIpv4 isIpv6 isLoopback isMulticast "
        "isInRange decimal lessThan lessThanOrEqual greaterThan greaterThanOrEqual datetime duration offset",
    )
)
_NO_ACTION = "unable to find an applicable action"
_UNFINISHED = "unexpected end of input"
_UNGUARDED = "unable to guarantee safety of access"


def check_policies(
    source: Source, schemas: Schemas, vocabulary: Vocabulary, *, fits: bool = False
) -> tuple[Rule, ...]:
    """The rules of a file that parses and fits the schema; otherwise ConfigErrors with all that is wrong.

    With `fits`, Cedar found before that this text fits this schema, which takes it long to find.
    """
    unparsed = tuple(_parse_errors(source))
    if unparsed:
        raise ConfigErrors(unparsed)
    rules = parse_rules(source)
    misfits = [] if fits else list(_misfits(source, rules, schemas, vocabulary))
    misfits += _misspelt_has(source, rules, vocabulary)
    if misfits:
        raise ConfigErrors(_one_for_each_place(misfits))
    return rules


def _one_for_each_place(errors: list[ConfigError]) -> tuple[ConfigError, ...]:
    """Cedar repeats itself for every action of a group; the file's order is for people."""
    ordered = sorted(errors, key=lambda error: (_position(error), str(error)))
    return tuple({_position(error): error for error in reversed(ordered)}.values())[::-1]


def _position(error: ConfigError) -> tuple[int, int]:
    place = error.place or Place("")
    return place.line or 0, place.column or 0


def _fault(text: str) -> str | None:
    """What Cedar's parser says against a text."""
    try:
        PolicySet.from_str(text)
    except ValueError as error:
        return str(error)
    return None


def _parse_errors(source: Source) -> Iterator[ConfigError]:
    """Nothing if the whole file parses, else the first fault of each policy."""
    pieces = statements(tokens_of(source))
    fault = _fault(source.text)
    if fault is None:
        return
    faults = [(piece, found) for piece in pieces if (found := _fault(text_of(source, piece)))]
    for piece, found in faults:
        yield _parse_error(source, piece, found)
    if not faults:
        yield ConfigError(f"Cedar cannot read this file: {fault}.", source.place(0))


def _parse_error(source: Source, piece: Tokens, fault: str) -> ConfigError:
    if fault == _UNFINISHED:
        hint = 'Is a bracket or the ";" at its end missing?'
        return source.error("This policy stops before it is complete.", piece[-1].start, hint)
    if fault.startswith(("unexpected token", "invalid token")):
        return _wrong_token(source, piece)
    culprit = _quoted(fault, piece) or piece[0]
    return source.error(f"{_sentence(fault)}.", culprit.start, did_you_mean(culprit.text, _GRAMMAR))


def _wrong_token(source: Source, piece: Tokens) -> ConfigError:
    """Cedar takes a second `permit` for a condition's word, and is surprised only after it."""
    at = _first_wrong(source, piece)
    culprit, before = piece[at], piece[at - 1]
    if at > 0 and before.text in {"permit", "forbid"}:
        hint = 'Is the ";" before it missing?'
        return source.error(f'"{before.text}" cannot stand here.', before.start, hint)
    return source.error(
        f'"{culprit.text}" cannot stand here.', culprit.start, did_you_mean(culprit.text, _GRAMMAR)
    )


def _first_wrong(source: Source, piece: Tokens) -> int:
    """The index of the token that Cedar did not expect; it may read one more before it says so."""
    low, high = 0, len(piece) - 1
    while low < high:
        middle = (low + high) // 2
        if _fault(text_of(source, piece[: middle + 1])) in {None, _UNFINISHED}:
            low = middle + 1
        else:
            high = middle
    fault = _fault(text_of(source, piece[: low + 1])) or ""
    return low - 1 if low > 0 and fault == f"unexpected token `{piece[low - 1].text}`" else low


def _sentence(fault: str) -> str:
    return fault[:1].upper() + fault[1:]


def _quoted(fault: str, piece: Tokens) -> Token | None:
    """The last token of the first thing in a message that also stands in the policy."""
    for words in (*re.findall(r"`([^`]*)`", fault), fault.rpartition(": ")[2]):
        try:
            run = [token.text for token in tokens_of(Source("", words))]
        except ConfigErrors:
            continue
        for needle in (run, run[-1:]):
            at = find(needle, piece) if needle else None
            if at is not None:
                return piece[at + len(needle) - 1]
    return None


def _misfits(
    source: Source, rules: tuple[Rule, ...], schemas: Schemas, vocabulary: Vocabulary
) -> Iterator[ConfigError]:
    """What Cedar's validator says, except of groups without actions: their service may be off."""
    found = [(error.policy_id, error.error) for error in validate_policies(source.text, schemas.whole).errors]
    explained = {policy for policy, fault in found if _NO_ACTION not in fault}
    by_id = {f"policy{index}": rule for index, rule in enumerate(rules)}
    for policy, fault in found:
        rule = by_id.get(policy)
        if rule is None:
            yield ConfigError(f"{_sentence(fault)}.", source.place(0))
        elif _NO_ACTION not in fault:
            yield _misfit(source, rule, fault, vocabulary)
        elif policy not in explained and _names_actions(rule, vocabulary):
            message = "This policy can never apply: no action takes such a principal and resource."
            yield source.error(message, rule.tokens[0].start)


def _names_actions(rule: Rule, vocabulary: Vocabulary) -> bool:
    return any(rule.may_apply(name, vocabulary.groups[name]) for name in vocabulary.applying)


def _misfit(source: Source, rule: Rule, fault: str, vocabulary: Vocabulary) -> ConfigError:
    fault = re.sub(r"^for policy `[^`]*`, ", "", fault)
    culprit = _quoted(fault, rule.tokens) or rule.tokens[0]
    hint = _hint(fault, vocabulary)
    return source.error(f"{_sentence(fault)}.", culprit.start, hint)


def _hint(fault: str, vocabulary: Vocabulary) -> str | None:
    """The way out of the validator's commonest complaints."""
    quoted = re.search(r"`([^`]*)`", fault)
    word = quoted[1] if quoted else ""
    if fault.startswith("unrecognized action"):
        return did_you_mean(word.partition("::")[2].strip('"'), vocabulary.groups)
    if fault.startswith("unrecognized entity type"):
        return did_you_mean(word, vocabulary.types)
    if fault.startswith(_UNGUARDED):
        return 'It may be absent: ask for it first, as in "context has money && …".'
    if 'in context for Action::"approve"' in fault:
        return 'Write "principal is Agent" in the head of a policy about requests.'
    if fault.startswith("attribute"):
        name = word.rpartition(".")[2]
        elsewhere = f'Others have it: name those in the head, or ask with "has {name} && …".'
        return elsewhere if name in vocabulary.attributes else did_you_mean(name, vocabulary.attributes)
    return None


def _misspelt_has(source: Source, rules: Iterable[Rule], vocabulary: Vocabulary) -> Iterator[ConfigError]:
    """Cedar lets `context has mony` pass, as never true: a forbid behind it would never forbid."""
    for rule in rules:
        for token in asked_for(rule.tokens):
            name = token.text.strip('"')
            known = name in vocabulary.attributes
            hint = None if known else did_you_mean(name, vocabulary.attributes, likeness=0.8)
            if hint:
                yield source.error(f'No action and no entity has an attribute "{name}".', token.start, hint)
