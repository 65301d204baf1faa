"""The decision: allow, ask people, or deny. Rule 18 of the protocol, unit by unit, the strictest deciding."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Protocol

from gateway.errors import ConfigError, ConfigErrors
from gateway.model import Decision, Effect, EntityRef, Mapped, PolicyReason, Risk, Unit
from gateway.policy.approving import Signing
from gateway.policy.asker import Asker
from gateway.policy.check import check_policies
from gateway.policy.directory import action_entities, build_world
from gateway.policy.entities import FileEntities, read_entities
from gateway.policy.facts import AgentFacts, CannotTell, Facts, PersonFacts
from gateway.policy.fragments import Fragment, NoFragment, read_fragment
from gateway.policy.questions import Answer, Question
from gateway.policy.schemas import Schemas
from gateway.policy.slices import Slices
from gateway.policy.source import Source
from gateway.policy.vocabulary import Vocabulary, read_vocabulary
from gateway.policy.world import Entity
from gateway.values import dataclass

_UNSIGNED = PolicyReason("default", "No policy allows this without a person's signature.")
_UNALLOWED = PolicyReason("default", "No policy allows this.")
_PLAIN = Signing()
_UNFITTING = PolicyReason("judge", "Nothing said that this request fits the purpose that the agent gave.")
_MOST_FRAGMENTS = 1024
_FAILED = PolicyReason("policy-error", "A policy could not be evaluated, so nothing passes.")


class Findings(Protocol):
    """What was found before, by a name made of all that it depends on; it may forget."""

    def recall(self, name: str) -> object | None: ...
    def remember(self, name: str, found: object) -> None: ...


@dataclass(frozen=True, slots=True)
class _Loaded:
    """What was read from the files, once."""

    schemas: Schemas
    vocabulary: Vocabulary
    actions: Mapping[EntityRef, Entity]
    slices: Slices
    file: FileEntities
    digest: str


class Policy:
    """Policies, entities and schema of one moment; whatever it cannot tell is deny, or False."""

    def __init__(self, loaded: _Loaded, agents: Sequence[AgentFacts], people: Sequence[PersonFacts]) -> None:
        self._loaded = loaded
        world = build_world(loaded.file, loaded.actions, agents, people)
        self._world = world
        self._asker = Asker(loaded.schemas, loaded.vocabulary, loaded.slices, world)
        self._fragments: dict[str, tuple[Fragment, Asker]] = {}

    @classmethod
    def load(
        cls,
        policy_text: str,
        policy_file: str,
        entities_text: str,
        entities_file: str,
        schema: str,
        agents: Sequence[AgentFacts],
        people: Sequence[PersonFacts],
        findings: Findings | None = None,
    ) -> "Policy":
        """ConfigErrors with all that is wrong in both files.

        With `findings`, policies that were found to fit this schema are not held against it again.
        """
        errors: list[ConfigError] = []
        fit = _digest("fits", version("cedarpy"), policy_text, schema)
        schemas = Schemas(schema)
        known = Vocabulary.from_plain(findings.recall(fit)) if findings is not None else None
        vocabulary = known or read_vocabulary(schemas)
        try:
            rules = check_policies(
                Source(policy_file, policy_text),
                schemas,
                vocabulary,
                fits=known is not None,
            )
        except ConfigErrors as found:
            errors.extend(found.errors)
        try:
            file = read_entities(Source(entities_file, entities_text), schemas, vocabulary)
        except ConfigErrors as found:
            errors.extend(found.errors)
        if errors:
            raise ConfigErrors(tuple(errors))
        if findings is not None and known is None:
            findings.remember(fit, vocabulary.as_plain())
        digest = _digest(policy_text, entities_text, schema)
        loaded = _Loaded(
            schemas, vocabulary, action_entities(vocabulary), Slices(rules, vocabulary), file, digest
        )
        return cls(loaded, agents, people)

    @property
    def digest(self) -> str:
        """SHA-256 over the files and the schema; who is enrolled is not part of it."""
        return self._loaded.digest

    def with_directory(self, agents: Sequence[AgentFacts], people: Sequence[PersonFacts]) -> "Policy":
        """The same policies over other agents and people."""
        return Policy(self._loaded, agents, people)

    def decide(
        self,
        agent: str,
        mapped: Mapped,
        facts: Facts,
        max_quorum: int = 5,
        beyond: tuple[PolicyReason, ...] = (),
    ) -> Decision:
        """Whether a request passes, or how many people must sign; the facts' own signatures do not count.

        What is `beyond` an agent's consent is asked of people, as what a template raises is; and a grant
        answers both.
        """
        try:
            return self._decide(agent, mapped, facts, max_quorum, beyond)
        except CannotTell as doubt:
            return Decision(Effect.DENY, (_FAILED,), error=str(doubt))

    def _decide(
        self,
        agent: str,
        mapped: Mapped,
        facts: Facts,
        max_quorum: int,
        beyond: tuple[PolicyReason, ...],
    ) -> Decision:
        _refuse_nothing(mapped)
        forbidden = [unit for unit in mapped.units if unit.risk is Risk.FORBID]
        if forbidden:
            return Decision(Effect.DENY, _unique(map(_forbids, forbidden)), raised_by_template=True)
        questions = self._asker.questions(agent, mapped, facts)
        unsigned = [question.ask(cosigner=False, approvals=0) for question in questions]
        raised = [
            _asks(unit)
            for unit, answer in zip(mapped.units, unsigned, strict=True)
            if answer.allowed and unit.risk is not Risk.LOW and not facts.grant
        ]
        outside = () if facts.grant else beyond
        if all(answer.allowed for answer in unsigned) and not raised and not outside:
            return Decision(Effect.ALLOW, _told(unsigned))
        held = [answer for answer in unsigned if not answer.allowed]
        reasons = _unique((*_each(held, _UNSIGNED), *raised, *outside))
        return _signed(questions, reasons, range(_least(mapped), max_quorum + 1), raised=bool(raised))

    def authorise(self, agent: str, mapped: Mapped, facts: Facts) -> Decision:
        """Whether a request may be sent with just these signatures, under the policy and template of now."""
        try:
            return self._authorise(agent, mapped, facts)
        except CannotTell as doubt:
            return Decision(Effect.DENY, (_FAILED,), error=str(doubt))

    def _authorise(self, agent: str, mapped: Mapped, facts: Facts) -> Decision:
        _refuse_nothing(mapped)
        forbidden = [_forbids(unit) for unit in mapped.units if unit.risk is Risk.FORBID]
        unsigned = [_asks(unit) for unit in mapped.units if unit.risk is not Risk.LOW and not facts.cosigner]
        too_few = [_asks(mapped.units[0])] if facts.cosigner and facts.approvals < _least(mapped) else []
        if forbidden or unsigned or too_few:
            reasons = _unique((*forbidden, *unsigned, *too_few))
            return Decision(Effect.DENY, reasons, raised_by_template=True)
        questions = self._asker.questions(agent, mapped, facts)
        approvals = facts.approvals if facts.cosigner else 0
        answers = [question.ask(cosigner=facts.cosigner, approvals=approvals) for question in questions]
        refused = [answer for answer in answers if not answer.allowed]
        if refused:
            return Decision(Effect.DENY, _unique(_each(refused, _UNALLOWED)))
        return Decision(Effect.ALLOW, _told(answers), quorum=approvals)

    def raise_to_people(self, agent: str, mapped: Mapped, facts: Facts) -> Decision:
        """What policy allows, put before people all the same: as many as the templates ask for at least."""
        least = _least(mapped)
        signed = self.authorise(agent, mapped, replace(facts, cosigner=True, approvals=least))
        if signed.effect is not Effect.ALLOW:
            return signed
        return Decision(Effect.STEP_UP, (_UNFITTING,), least)

    def may_approve(
        self, person: str, *, agent: str, owner: bool, mapped: Mapped, signing: Signing = _PLAIN
    ) -> bool:
        """Cedar lets this person approve every unit, and no template has narrowed the approvers to others."""
        try:
            return bool(mapped.units) and self._asker.may_approve(
                person, agent=agent, owner=owner, mapped=mapped, signing=signing
            )
        except CannotTell:
            return False

    def may_delegate(self, program: str, verb: str, *, agent: str, mapped: Mapped, signing: Signing) -> bool:
        """Cedar lets this program do this with every unit."""
        try:
            return bool(mapped.units) and self._asker.may_delegate(
                program, verb, agent=agent, mapped=mapped, signing=signing
            )
        except CannotTell:
            return False

    def fragment(self, text: str) -> Fragment:
        """What people sign for one agent, read against the schema of now. Raises NoFragment."""
        return self._fragment(text)[0]

    def permits(self, text: str, agent: str, mapped: Mapped, facts: Facts) -> bool:
        """Whether a fragment alone permits every unit of a request, as one that nobody has signed."""
        try:
            fragment, asker = self._fragment(text)
            questions = asker.questions(agent, mapped, replace(facts, grant=False))
            answers = [question.ask(cosigner=False, approvals=0) for question in questions]
        except (CannotTell, NoFragment):
            return False
        return fragment.agent == agent and bool(answers) and all(answer.allowed for answer in answers)

    def _fragment(self, text: str) -> tuple[Fragment, Asker]:
        if text not in self._fragments:
            schemas, vocabulary = self._loaded.schemas, self._loaded.vocabulary
            fragment = read_fragment(text, schemas, vocabulary)
            asker = Asker(schemas, vocabulary, Slices(fragment.rules, vocabulary), self._world)
            if len(self._fragments) >= _MOST_FRAGMENTS:
                self._fragments.clear()
            self._fragments[text] = fragment, asker
        return self._fragments[text]

    def limits(self, agent: str) -> dict[str, int]:
        """The limits of an agent as Cedar sees them."""
        return self._asker.limits(agent)

    def groups(self) -> frozenset[str]:
        """Every group that the operator's entities name, or somebody is in."""
        return self._asker.groups()

    def belongs(self, person: str, group: str) -> bool:
        """Whether a person is in a group, by the directory or by the operator's entities."""
        return self._asker.belongs(person, group)


def _signed(
    questions: list[Question], reasons: tuple[PolicyReason, ...], quorums: range, *, raised: bool
) -> Decision:
    """The least number of signatures with which every unit passes at once, as the spend will ask it."""
    refused: list[Answer] = []
    for quorum in quorums:
        answers = [question.ask(cosigner=True, approvals=quorum) for question in questions]
        refused = [answer for answer in answers if not answer.allowed]
        if not refused:
            return Decision(Effect.STEP_UP, reasons, quorum, raised_by_template=raised)
    beyond = _each(refused, _UNALLOWED) if refused else [_TOO_MANY]
    return Decision(Effect.DENY, _unique(beyond), raised_by_template=raised)


_TOO_MANY = PolicyReason("template", "The template asks for more signatures than this gateway collects.")


def _refuse_nothing(mapped: Mapped) -> None:
    """All of no units would be an allow."""
    if not mapped.units:
        raise CannotTell("The request means nothing that could be decided.")


def _least(mapped: Mapped) -> int:
    """The fewest signatures that the templates accept where any are needed."""
    return max(1, *(unit.approval.quorum for unit in mapped.units))


def _forbids(unit: Unit) -> PolicyReason:
    return PolicyReason("template", f"The template forbids this: {unit.title}.")


def _asks(unit: Unit) -> PolicyReason:
    return PolicyReason("template", f"The template asks for a person's signature: {unit.title}.")


def _unique(reasons: Iterable[PolicyReason]) -> tuple[PolicyReason, ...]:
    return tuple(dict.fromkeys(reasons))


def _told(answers: Iterable[Answer]) -> tuple[PolicyReason, ...]:
    return _unique(reason for answer in answers for reason in answer.reasons)


def _each(answers: Iterable[Answer], default: PolicyReason) -> list[PolicyReason]:
    """The policies that refuse, and the default for each unit that none speaks of."""
    return [reason for answer in answers for reason in answer.reasons or (default,)]


def _digest(*texts: str) -> str:
    """Each text is framed by its length, so that none can run into the next."""
    whole = hashlib.sha256()
    for text in texts:
        raw = text.encode()
        whole.update(len(raw).to_bytes(8, "big") + raw)
    return whole.hexdigest()
