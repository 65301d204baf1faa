import pytest
from cedarpy import Entities, PolicySet, Schema

from gateway.model import EntityRef, PolicyReason
from gateway.policy.facts import CannotTell
from gateway.policy.questions import Answer, Memory, Question, doubt
from gateway.policy.slices import Slice

PERMIT = "permit (principal, action, resource);"


def question(text, values=None, resource="r"):
    reasons = {f"policy{index}": PolicyReason(f"p{index}") for index in range(text.count(";"))}
    policies = Slice(PolicySet.from_str(text), reasons, None, None, frozenset())
    principal, asked = EntityRef("Agent", "a"), EntityRef("R", resource)
    return Question(principal, "x", asked, policies, lambda: Entities.from_json_str("[]"), values or {})


@pytest.mark.parametrize(
    "condition",
    [
        "context.approvals + 9223372036854775807 + 1 > 0",
        "resource.missing",
        "context.missing",
        'ip("nonsense").isIpv4()',
        "context.text",
    ],
)
def test_a_forbid_that_errs_is_not_an_allow(condition):
    asked = question(f"{PERMIT} forbid (principal, action, resource) when {{ {condition} }};", {"text": "x"})
    with pytest.raises(CannotTell, match='policy "p1"'):
        asked.ask(cosigner=True, approvals=1)


@pytest.mark.parametrize("value", [2**63, 1.5, None, {"__extn": {"fn": "ip", "arg": "x"}}])
def test_a_context_that_cedar_cannot_read_is_not_an_allow(value):
    with pytest.raises(CannotTell):
        question(PERMIT, {"x": value}).ask(cosigner=False, approvals=0)


@pytest.mark.parametrize("resource", ["\ud800", "a\ud800b"])
def test_an_id_that_is_not_text_is_not_an_allow(resource):
    with pytest.raises(CannotTell):
        question(PERMIT, resource=resource).ask(cosigner=False, approvals=0)


def test_cedar_raising_is_not_an_allow():
    with pytest.raises(CannotTell):
        question(PERMIT).ask_with("[1")


def test_a_policy_the_slice_does_not_know_is_not_an_allow():
    asked = question(PERMIT)
    asked.policies.reasons.clear()
    with pytest.raises(CannotTell):
        asked.ask(cosigner=False, approvals=0)


def test_reasons_come_in_the_files_order():
    answer = question(PERMIT * 12).ask(cosigner=False, approvals=0)
    assert [reason.id for reason in answer.reasons] == [f"p{index}" for index in range(12)]


def test_a_request_that_the_schema_does_not_know_is_refused():
    schema = Schema.from_str(
        'entity Agent, R; action "x" appliesTo {principal:[Agent],resource:[R],context:{a:Long}};'
    )
    question(PERMIT).check('{"a": 1}', schema)
    for context in ("{}", '{"a": "1"}', '{"a": 1, "b": 1}'):
        with pytest.raises(CannotTell, match="does not fit the schema"):
            question(PERMIT).check(context, schema)
    with pytest.raises(CannotTell):
        question(PERMIT, resource="\ud800").check('{"a": 1}', schema)


def test_a_panic_of_the_engine_is_a_doubt_and_a_stop_signal_is_not():
    panic = type("PanicException", (BaseException,), {"__module__": "pyo3_runtime"})
    assert isinstance(doubt(panic("boom")), CannotTell)
    with pytest.raises(KeyboardInterrupt):
        doubt(KeyboardInterrupt())


def test_a_long_context_is_not_kept_and_what_is_kept_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent that makes up new words must not fill the memory."""
    asked: list[str] = []

    def decide(self: Question, context: str) -> Answer:
        asked.append(context)
        return Answer(allowed=True, reasons=())

    monkeypatch.setattr(Question, "_decide", decide)
    monkeypatch.setattr("gateway.policy.questions.MAX_ANSWERS", 2)
    memory = Memory({}, ("key",))
    for text in ("a", "a", "x" * 2000, "x" * 2000, "b", "c"):
        question = Question(None, "", None, None, None, {"said": text}, memory)  # type: ignore[arg-type]
        assert question.ask(cosigner=False, approvals=0).allowed
    assert [len(context) > 1024 for context in asked] == [False, True, True, False, False]
    assert len(memory.answers) == 1


def test_a_signature_is_another_question(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        Question, "_decide", lambda _self, context: Answer(allowed="true" in context, reasons=())
    )
    question = Question(None, "", None, None, None, {}, Memory({}, ()))  # type: ignore[arg-type]
    assert not question.ask(cosigner=False, approvals=0).allowed
    assert question.ask(cosigner=True, approvals=1).allowed
    assert not question.ask(cosigner=False, approvals=0).allowed
