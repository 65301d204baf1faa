import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model import Money
from gateway.policy.facts import (
    GATEWAY_ATTRIBUTES,
    CannotTell,
    FirstRequest,
    check_address,
    context_json,
    gateway_values,
    template_values,
)


def test_a_template_cannot_set_the_cosigner(unit):
    for name in ("cosigner", "approvals", "delegate", "requester_ip"):
        with pytest.raises(CannotTell, match=f"context.{name}"):
            template_values(unit(context={name: True}))


@pytest.mark.parametrize(
    "value", [2**63, -(2**63) - 1, Money("jpy", 2**63, 0), 1.5, None, {"a": "b"}, (1,), ["a"]]
)
def test_a_value_that_cedar_cannot_hold_is_refused(unit, value):
    with pytest.raises(CannotTell):
        template_values(unit(context={"size": value}))


def test_money_is_a_record_and_sets_are_lists(unit):
    values = template_values(unit(context={"money": Money("jpy", -5, 0), "lines": ("a", "b"), "flag": True}))
    assert values["money"] == {"currency": "jpy", "minor": -5}
    assert values["lines"] == ["a", "b"]
    assert values["flag"] is True


@given(text=st.text())
def test_an_agents_text_stays_a_string_whatever_it_spells(text):
    context = json.loads(context_json({"purpose": text}, cosigner=False, approvals=0))
    assert context == {"purpose": text, "cosigner": False, "approvals": 0}


def test_a_cosigner_among_the_values_cannot_win_over_the_question():
    assert json.loads(context_json({"cosigner": True}, cosigner=False, approvals=0))["cosigner"] is False


def test_the_clock_is_utc_with_monday_as_one(unit, facts):
    # 2026-11-20 was a Friday; 15:06:40 UTC.
    now = gateway_values(unit(), facts(now_epoch=1_795_187_200), 1, ["now"])["now"]
    assert now == {"epoch": 1_795_187_200, "hour": 15, "day_of_week": 5}


def test_a_purpose_that_was_not_given_is_absent(unit, facts):
    assert "purpose" not in gateway_values(unit(), facts(), 1, GATEWAY_ATTRIBUTES)
    assert gateway_values(unit(), facts(purpose=""), 1, GATEWAY_ATTRIBUTES)["purpose"] == ""


@pytest.mark.parametrize(
    ("address", "read"),
    [("127.0.0.1", "127.0.0.1"), ("::ffff:10.0.0.1", "10.0.0.1"), ("fe80::1%eth0", "fe80::1")],
)
def test_addresses_have_one_spelling(unit, facts, address, read):
    value = gateway_values(unit(), facts(requester_ip=address), 1, ["requester_ip"])["requester_ip"]
    assert value == {"__extn": {"fn": "ip", "arg": read}}


@pytest.mark.parametrize("address", ["", "localhost", "10.0.0.0/8", "1.2.3.4, 5.6.7.8"])
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(CannotTell):
        check_address(address)


def test_only_what_is_asked_for_is_told(unit, facts):
    assert gateway_values(replace(unit()), facts(), 3, ["units", "nothing"]) == {"units": 3}


def test_what_is_remembered_is_told_as_records(unit, facts):
    paying = unit("/shop/refund", context={"money": Money("jpy", 600, 0)})
    values = gateway_values(paying, facts(), 1, ["recent", "spent", "intent_risk"])
    assert values["spent"] == {"hour": 600, "day": 600}
    assert set(values["recent"].values()) == {1}
    assert values["intent_risk"] == "low"
    assert "spent" not in gateway_values(unit(), facts(), 1, ["spent"])


def test_a_negative_amount_spends_nothing(unit, facts):
    refund = unit("/shop/refund", context={"money": Money("jpy", -600, 0)})
    assert gateway_values(refund, facts(), 1, ["spent"])["spent"] == {"hour": 0, "day": 0}


def test_a_sum_that_cedar_cannot_hold_is_refused(unit, facts):
    class Rich(FirstRequest):
        def spent(self, unit):
            return {"hour": 1, "day": 2**63}

    with pytest.raises(CannotTell, match="too large"):
        gateway_values(unit("/shop/refund"), facts(remembered=Rich()), 1, ["spent"])
