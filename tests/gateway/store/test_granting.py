"""A grant in the store: what ends stays ended, and a use is written only while everything holds."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.audit import Kind, Row
from gateway.store.contract import Done, Lost
from gateway.store.things import Agent, Consent, GrantUse, Used
from gateway.store.writes import (
    AddGrant,
    EndGrant,
    FinishUse,
    RevokePerson,
    SetConsent,
    UseGrant,
    WithdrawConsent,
)
from tests.gateway.test_grants import a_grant
from tests.kit.clocks import START
from tests.kit.stores import TimedStore, with_people
from tests.kit.things import a_credential, a_person, a_token, an_agent

CONSENT = Consent("read_only", "permit …", "every read", "mika", START, START + 60)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[TimedStore]:
    made = TimedStore(tmp_path / "test.db")
    await with_people(made)
    yield made
    await made.close()


def grant(**changes: Any) -> Any:
    own = {"agent": an_agent().name, "signer": a_person().name, "credential_id": a_credential().id}
    return a_grant(**{**own, **changes})


def use(number: int = 1, **changes: Any) -> UseGrant:
    plain = GrantUse(f"use_{number}", "grt_1", START, "/a", "R", an_agent().name, None, "127.0.0.1")
    return UseGrant(replace(plain, **changes), a_token().id, "config")


async def test_a_grant_comes_back_as_it_was_made(store: TimedStore) -> None:
    made = grant(cedar="permit …", intent_key="key", envelope="env_1")
    assert await store.apply(AddGrant(made)) == Done()
    assert await store.grants() == [made]
    assert await store.ended_grants() == []


async def test_a_grant_for_an_agent_that_is_not_there_is_lost(store: TimedStore) -> None:
    assert await store.apply(AddGrant(grant(agent="ghost"))) == Lost("absent")


async def test_what_has_ended_stays_ended_as_it_ended_first(store: TimedStore) -> None:
    await store.apply(AddGrant(grant()))
    assert await store.apply(EndGrant("grt_1", START + 5, "revoked", "mika")) == Done()
    row = Row(Kind.GRANT, detail="never written")
    assert await store.apply(EndGrant("grt_1", START + 9, "expired"), [row]) == Lost("absent")
    (ended,) = await store.ended_grants()
    assert (ended.ended_at, ended.ended_why, ended.ended_by) == (START + 5, "revoked", "mika")
    assert await store.grants() == []
    assert "never written" not in await store.log()
    assert await store.apply(use()) == Lost("changed")


async def test_uses_are_counted_with_the_last(store: TimedStore) -> None:
    await store.apply(AddGrant(grant()))
    assert await store.grant_uses() == {}
    assert await store.apply(use(1)) == Done()
    assert await store.apply(use(2, at=START + 7)) == Done()
    assert await store.grant_uses() == {"grt_1": Used(2, START + 7)}


@pytest.mark.parametrize(
    "changed",
    [
        use(agent="other"),
        use(grant_id="grt_2"),
        use(at=START + 900),
        replace(use(), token_id="tok_other"),
        replace(use(), config_digest="another"),
    ],
    ids=["another agent", "another grant", "after its end", "another token", "another configuration"],
)
async def test_a_use_that_rests_on_nothing_is_lost(store: TimedStore, changed: UseGrant) -> None:
    await store.apply(AddGrant(grant()))
    assert await store.apply(changed) == Lost("changed")
    assert await store.grant_uses() == {}


async def test_a_use_by_a_grant_whose_passkey_is_gone_is_lost(store: TimedStore) -> None:
    await store.apply(AddGrant(grant()))
    await store.apply(RevokePerson(a_person().name, START))
    assert await store.apply(use()) == Lost("changed")


@pytest.mark.parametrize("what", ["revoked_at = 1", "waits_for = 'ada'"])
async def test_a_use_by_a_grant_whose_passkey_alone_does_not_count_is_lost(
    store: TimedStore, what: str
) -> None:
    """Its person may have another one: that one did not sign."""
    await store.apply(AddGrant(grant()))
    await store.sql(f"UPDATE credentials SET {what}")  # a test's own words
    assert await store.apply(use()) == Lost("changed")


async def test_a_use_by_a_grant_of_somebody_elses_passkey_is_lost(store: TimedStore) -> None:
    await store.apply(AddGrant(grant(signer="somebody")))
    assert await store.apply(use()) == Lost("changed")


async def test_of_two_outcomes_the_first_counts(store: TimedStore) -> None:
    await store.apply(AddGrant(grant()))
    await store.apply(use())
    assert [each.id for each in await store.unfinished_uses()] == ["use_1"]
    assert await store.apply(FinishUse("use_1", "completed", 200)) == Done()
    assert await store.apply(FinishUse("use_1", "unknown", None)) == Lost("absent")
    assert await store.unfinished_uses() == []
    assert await store.sql("SELECT outcome, status FROM grant_uses") == [("completed", 200)]


async def consent_of(store: TimedStore) -> Consent | None:
    (agent,) = await store.agents()
    assert isinstance(agent, Agent)
    return agent.consent


async def test_a_consent_belongs_to_its_agent_until_it_is_lifted(store: TimedStore) -> None:
    name = an_agent().name
    assert await consent_of(store) is None
    assert await store.apply(SetConsent(name, CONSENT)) == Done()
    assert await consent_of(store) == CONSENT
    narrower = replace(CONSENT, form="project")
    await store.apply(SetConsent(name, narrower))
    assert await consent_of(store) == narrower
    await store.apply(SetConsent(name, None))
    assert await consent_of(store) is None


async def test_a_consent_is_withdrawn_once(store: TimedStore) -> None:
    name = an_agent().name
    assert await store.apply(WithdrawConsent(name, START)) == Lost("absent")
    await store.apply(SetConsent(name, CONSENT))
    assert await store.apply(WithdrawConsent(name, START + 1)) == Done()
    assert await store.apply(WithdrawConsent(name, START + 2)) == Lost("absent")
    assert await consent_of(store) == replace(CONSENT, withdrawn_at=START + 1)


async def test_a_consent_for_an_agent_that_is_not_there_is_lost(store: TimedStore) -> None:
    assert await store.apply(SetConsent("ghost", CONSENT)) == Lost("absent")
