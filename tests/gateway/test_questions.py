import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.decoded import DecodedBody, Kind
from gateway.envelopes import MAX_HELD_TTL, MAX_TTL, Envelope, State
from gateway.errors import Reason, Refusal
from gateway.keys import Keys
from gateway.model import Approval, Bind, Decision, Effect, Mapped, Mode, Request, Risk, SummaryPart
from gateway.questions import (
    MAX_PURPOSE,
    Asked,
    Digests,
    Entropy,
    Names,
    batch_key,
    fingerprint,
    how_to_ask,
    intent_key,
    join_scope,
    largest_asked,
    names_of,
    new_envelope,
    purpose,
    unnamed,
    unpack,
)
from gateway.settings import Approvals, Limits, Settings
from tests.kit.clocks import START
from tests.kit.things import (
    GATEWAY,
    KEYS,
    OBSERVED,
    OTHER_KEYS,
    RISK,
    RP_ID,
    a_caller,
    a_mapped,
    a_request,
    a_unit,
    an_agent,
    body_of,
    money,
    with_header,
)

SETTINGS = Settings(file=Path("/s"), state=Path("/s"), policy=Path("/p"), entities=Path("/e"))
ENTROPY = Entropy("env_1", b"\x0a" * 16, b"\x0b" * 16, "hash of the secret")
DECISION = Decision(Effect.STEP_UP, (), 1)


def with_approvals(**changes: Any) -> Settings:
    return replace(SETTINGS, approvals=replace(Approvals(), **changes))


def named(request: Request, mapped: Mapped, settings: Settings = SETTINGS, keys: Keys = KEYS) -> Names:
    return names_of(request, mapped, body_of(request), settings, keys)


def opened(
    request: Request | None = None,
    mapped: Mapped | None = None,
    settings: Settings = SETTINGS,
    decision: Decision = DECISION,
) -> Envelope:
    wanted = request or a_request()
    return new_envelope(
        wanted,
        mapped or a_mapped(),
        decision,
        named(wanted, mapped or a_mapped(), settings),
        RISK,
        OBSERVED,
        agent=an_agent(team="platform", owner="Mika"),
        gateway=GATEWAY,
        rp_id=RP_ID,
        settings=settings,
        digests=Digests("policy", "config"),
        keys=KEYS,
        entropy=ENTROPY,
        now=START,
    )


# How people are asked. -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("approvals", "asked"),
    [
        ([Approval()], Asked(60, Mode.HOLD)),
        ([Approval(ttl=30), Approval(ttl=90)], Asked(30, Mode.HOLD)),
        ([Approval(ttl=90), Approval()], Asked(60, Mode.HOLD)),
        ([Approval(ttl=10_000)], Asked(MAX_HELD_TTL, Mode.HOLD)),
        ([Approval(ttl=10_000, mode=Mode.REJECT)], Asked(MAX_HELD_TTL, Mode.REJECT)),
        ([Approval(ttl=10_000, mode=Mode.ASYNC)], Asked(MAX_HELD_TTL, Mode.ASYNC)),
        ([Approval(), Approval(mode=Mode.REJECT)], Asked(60, Mode.REJECT)),
        ([Approval(mode=Mode.ASYNC)], Asked(60, Mode.ASYNC)),
        ([Approval(mode=Mode.ASYNC), Approval(mode=Mode.HOLD)], Asked(60, Mode.ASYNC)),
        ([Approval(mode=Mode.ASYNC), Approval(mode=Mode.REJECT)], Asked(60, Mode.REJECT)),
    ],
)
def test_the_strictest_unit_says_how_people_are_asked(approvals: list[Approval], asked: Asked) -> None:
    assert how_to_ask(tuple(a_unit(approval=approval) for approval in approvals), SETTINGS) == asked


@pytest.mark.parametrize(
    ("approval", "asked"),
    [
        (Approval(ttl=10_000), Asked(MAX_HELD_TTL, Mode.HOLD)),
        (Approval(ttl=10_000, mode=Mode.REJECT), Asked(10_000, Mode.REJECT)),
        (Approval(ttl=10_000, mode=Mode.ASYNC), Asked(10_000, Mode.ASYNC)),
        (Approval(ttl=10**6, mode=Mode.ASYNC), Asked(MAX_TTL, Mode.ASYNC)),
    ],
)
def test_a_template_gets_hours_only_where_the_operator_allows_them_and_never_a_held_connection(
    approval: Approval, asked: Asked
) -> None:
    assert how_to_ask((a_unit(approval=approval),), with_approvals(max_ttl=MAX_TTL)) == asked


def test_an_operator_may_allow_less_than_five_minutes() -> None:
    for mode in Mode:
        unit = a_unit(approval=Approval(ttl=200, mode=mode))
        assert how_to_ask((unit,), with_approvals(ttl=30, max_ttl=30)).ttl == 30


def test_an_agent_may_prefer_async_where_nobody_said_reject() -> None:
    def preferring(*approvals: Approval, **settings: Any) -> Mode:
        units = tuple(a_unit(approval=approval) for approval in approvals)
        return how_to_ask(units, with_approvals(**settings), prefers_async=True).mode

    assert preferring(Approval()) is Mode.ASYNC
    assert preferring(Approval(mode=Mode.HOLD)) is Mode.ASYNC
    assert preferring(Approval(mode=Mode.REJECT)) is Mode.REJECT
    assert preferring(Approval(), Approval(mode=Mode.REJECT)) is Mode.REJECT
    assert preferring(Approval(), mode=Mode.REJECT) is Mode.REJECT
    assert preferring(Approval(mode=Mode.HOLD), mode=Mode.REJECT) is Mode.ASYNC


def test_the_operators_mode_holds_where_a_template_says_nothing() -> None:
    settings = with_approvals(mode=Mode.REJECT, ttl=20)
    assert how_to_ask((a_unit(),), settings) == Asked(20, Mode.REJECT)


# By which keys requests meet. ------------------------------------------------------------------------------


def key_of(request: Request, mapped: Mapped | None = None, keys: Keys = KEYS) -> str:
    return named(request, mapped or a_mapped(), keys=keys).join[0]


def test_one_more_byte_is_another_question() -> None:
    assert key_of(a_request(body=a_request().body + b" ")) != key_of(a_request())
    assert key_of(with_header(a_request(), "X-A", "1")) != key_of(a_request())
    assert key_of(a_request(caller=a_caller("other"))) != key_of(a_request())


def test_a_retry_with_another_request_id_is_the_same_question() -> None:
    assert key_of(with_header(a_request(), "X-Request-Id", "2")) == key_of(a_request())


def test_what_the_template_frees_is_the_same_question() -> None:
    mapped = a_mapped(a_unit(bind=Bind("exact", ("header:idempotency-key",))))
    one, other = (with_header(a_request(), "Idempotency-Key", v) for v in "ab")
    assert key_of(one, mapped) == key_of(other, mapped)
    assert key_of(one) != key_of(other)


def test_no_key_can_be_computed_without_the_gateways_own() -> None:
    request, mapped = a_request(), a_mapped()
    assert key_of(request, keys=OTHER_KEYS) != key_of(request)
    assert intent_key("ci-bot", mapped, OTHER_KEYS) != intent_key("ci-bot", mapped, KEYS)
    assert fingerprint(mapped, 1, OTHER_KEYS) != fingerprint(mapped, 1, KEYS)


@pytest.mark.parametrize(
    ("join", "same_address", "same_run", "meets"),
    [
        ("address", True, True, True),
        ("address", True, False, True),
        ("address", False, True, False),
        ("run", True, True, True),
        ("run", True, False, False),
        ("run", False, True, False),
        ("agent", False, False, True),
    ],
)
def test_a_retry_joins_only_from_where_the_operator_allows(
    join: str, same_address: bool, same_run: bool, meets: bool
) -> None:
    settings = with_approvals(join=join)
    one = a_request(caller=a_caller(run="run_1", peer="10.0.0.1"))
    other = a_request(
        caller=a_caller(run="run_1" if same_run else "run_2", peer="10.0.0.1" if same_address else "10.0.0.2")
    )
    assert (join_scope(one, settings) == join_scope(other, settings)) is meets


def test_an_address_with_a_run_is_not_an_address_alone() -> None:
    settings = with_approvals(join="run")
    without = join_scope(a_request(), settings)
    assert without != join_scope(a_request(caller=a_caller(run="run_1")), settings)


@pytest.mark.parametrize(
    "other",
    [
        a_mapped(a_unit(action="/shop/other")),
        a_mapped(a_unit(context=money(601))),
        a_mapped(a_unit(context=money(600, "usd"))),
        a_mapped(a_unit(context={})),
        a_mapped(a_unit(), a_unit()),
    ],
)
def test_a_request_that_means_something_else_has_another_intent_and_fingerprint(other: Mapped) -> None:
    assert intent_key("ci-bot", other, KEYS) != intent_key("ci-bot", a_mapped(), KEYS)
    assert fingerprint(other, 1, KEYS) != fingerprint(a_mapped(), 1, KEYS)


def test_an_intent_is_one_agents_and_a_fingerprint_knows_its_quorum() -> None:
    assert intent_key("other", a_mapped(), KEYS) != intent_key("ci-bot", a_mapped(), KEYS)
    assert fingerprint(a_mapped(), 1, KEYS) != fingerprint(a_mapped(), 2, KEYS)


def test_an_intent_cannot_be_passed_off_as_a_fingerprint_or_a_join() -> None:
    mapped = a_mapped()
    assert len({key_of(a_request()), intent_key("ci-bot", mapped, KEYS), fingerprint(mapped, 1, KEYS)}) == 3


def test_where_no_template_names_the_action_the_path_is_its_meaning() -> None:
    """Else one denial would refuse every unnamed write of a service for ten minutes."""
    nameless = a_mapped(a_unit(groups=("unmatched",), context={}))

    def key(mapped: Mapped, **changes: Any) -> str:
        return intent_key("ci-bot", mapped, KEYS, unnamed(a_request(**changes), mapped))

    assert key(nameless, target="/a?x=1") != key(nameless, target="/b")
    assert key(nameless, target="/a") != key(nameless, target="/a", method="PUT")
    assert key(nameless, target="/a?x=1") == key(nameless, target="/a?x=2")
    assert key(a_mapped(), target="/a") == key(a_mapped(), target="/b")


def test_new_words_for_the_same_meaning_are_the_same_intent() -> None:
    other = a_mapped(a_unit(title="New title", summary=(SummaryPart("Anew"),)))
    assert intent_key("ci-bot", other, KEYS) == intent_key("ci-bot", a_mapped(), KEYS)


# What the agent claims. ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ((), None),
        (("",), None),
        (("  \t ",), None),
        (("to  pay\ttea",), "to pay tea"),
        (("one", "two"), "one two"),
        (("支払い".encode().decode("latin-1"),), "支払い"),
        (("\xff",), "\ufffd"),
        (("x" * 1000,), "x" * MAX_PURPOSE),
    ],
)
def test_a_purpose_is_one_line_of_bounded_text(sent: tuple[str, ...], told: str | None) -> None:
    headers = tuple(("secondsig-purpose", value) for value in sent)
    assert purpose(a_request(headers=headers)) == told


@given(st.text(st.characters(max_codepoint=0x10FFFF)))
def test_a_purpose_is_always_text_that_can_be_signed(sent: str) -> None:
    told = purpose(a_request(headers=(("Secondsig-Purpose", sent),)))
    assert told is None or (0 < len(told) <= MAX_PURPOSE and told.encode())


# Together. --------------------------------------------------------------------------------------------------


def test_a_batch_key_tells_nothing_and_is_of_its_own_kind() -> None:
    mapped = a_mapped(a_unit(approval=Approval(batch="acme")))
    key = batch_key("ci-bot", mapped, DECISION, None, KEYS)
    assert key is not None
    assert key != batch_key("ci-bot", mapped, DECISION, None, OTHER_KEYS)
    assert key != intent_key("ci-bot", mapped, KEYS)
    assert opened(mapped=mapped).batch_key == key
    assert opened().batch_key is None


# The envelope. ---------------------------------------------------------------------------------------------


def test_a_new_envelope_is_pending_and_names_everything() -> None:
    request = with_header(
        a_request(caller=a_caller(run="run_1", peer="10.0.0.9")), "Secondsig-Purpose", "tea"
    )
    made = opened(request)
    assert (made.id, made.state, made.version) == ("env_1", State.PENDING, 1)
    assert (made.agent, made.run, made.address, made.token_id) == (
        "ci-bot",
        "run_1",
        "10.0.0.9",
        "tok_ci-bot",
    )
    assert (made.join_key, made.join_scope) == (key_of(request), "10.0.0.9")
    assert made.intent_key == intent_key("ci-bot", a_mapped(), KEYS)
    assert made.fingerprint == fingerprint(a_mapped(), 1, KEYS)
    assert (made.service, made.action, made.resource) == (
        "shop",
        "/shop/payment/create",
        'Shop::Account::"acct_tea"',
    )
    assert (made.purpose, made.risk, made.intent_risk, made.mode) == ("tea", "low", "high", "hold")
    assert (made.quorum, made.config_digest, made.secret_hash) == (1, "config", "hash of the secret")
    assert (made.opened_at, made.expires_at) == (START, START + 60)
    assert (made.cosigner, made.decided_by, made.spent_at, made.outcome) == (None, None, None, None)


def test_what_is_held_is_sealed_and_opens_only_as_this_envelopes() -> None:
    request = a_request(body=b'{"note":"quiet","amount":600}')
    made = opened(request, a_mapped(a_unit(redact=("json:/note",))))
    assert made.sealed is not None
    for clear in (b"quiet", b"amount", b"secondsig/approval"):
        assert clear not in made.sealed
    held = unpack(KEYS.unseal("env_1", made.sealed))
    assert held.body == request.body
    assert held.shared["digest"] == made.digest
    assert held.hidden["json:/note"].value == "quiet"
    assert held.shared["policy"] == {"digest": "policy"}


def test_no_column_of_an_envelope_holds_what_is_to_stay_hidden() -> None:
    unit = a_unit(
        redact=("json:/note",),
        summary=(SummaryPart("Say "), SummaryPart("quiet", is_value=True), SummaryPart(".")),
    )
    made = opened(a_request(body=b'{"note":"quiet"}'), a_mapped(unit))
    assert made.list_summary == ({"text": "Say "}, {"value": "hidden"}, {"text": "."})
    assert "quiet" not in repr(made)
    assert "upstream-secret" not in repr(made)


def test_the_summary_tells_every_unit_and_the_risk_is_the_strictest() -> None:
    made = opened(None, a_mapped(a_unit(), a_unit(risk=Risk.STEP_UP, summary=(SummaryPart("Then more"),))))
    assert made.list_summary == (
        {"text": "Pay "},
        {"value": "600"},
        {"text": "; "},
        {"text": "Then more"},
    )
    assert made.risk == "step_up"


@pytest.mark.parametrize(("size", "fits"), [(100, True), (101, False)])
def test_a_body_that_is_too_large_to_be_shown_asks_nobody(size: int, fits: bool) -> None:
    settings = replace(SETTINGS, limits=replace(Limits(), step_up_body=100))
    request = a_request(body=json.dumps("x" * (size - 2)).encode())
    assert len(request.body) == size
    if fits:
        assert opened(request, settings=settings).state is State.PENDING
        return
    with pytest.raises(Refusal) as refused:
        opened(request, settings=settings)
    assert refused.value.reason is Reason.BODY_TOO_LARGE


@pytest.mark.parametrize(
    ("kind", "most"),
    [
        ("json", 100),
        ("form", 100),
        ("opaque", 100),
        ("xml", 100),
        ("stream", 900),
        ("git", 900),
        ("multipart", 900),
    ],
)
def test_only_what_is_signed_by_its_hash_may_be_longer_than_a_person_reads(kind: Kind, most: int) -> None:
    settings = replace(SETTINGS, limits=replace(Limits(), body=900, step_up_body=100))
    assert largest_asked(DecodedBody(kind), settings) == most
