"""AgentKeys' acceptance: what `init --with agentkeys` writes, a real proxy, pages, passkeys, upstream."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.demo.client import Answer
from gateway.demo.person import Refused, SoftPerson
from gateway.envelopes import State
from gateway.installation import install
from tests.e2e.test_attacks import JSON, reason
from tests.kit.browser import Chromium
from tests.kit.entities import entity, limited
from tests.kit.inprocess import LIFE, Inside, running
from tests.kit.patience import until
from tests.kit.ports import free_port
from tests.kit.upstream import Upstream

HOST = "keys.example.com"
BASE = f"https://{HOST}"


@asynccontextmanager
async def agentkeys(
    folder: Path, *, ttl: int = LIFE, approvals: str = "", settings: str = "", entities: Any = ()
) -> AsyncIterator[Inside]:
    """As init wrote it, but for addresses and times; with the agent `toy` of the vendor."""
    upstream = Upstream(folder / "upstream", HOST)
    port = await upstream.start()
    config = install(
        folder / "gateway", proxy="127.0.0.1:0", pages=f"localhost:{free_port()}", variation="agentkeys"
    )
    text = config.read_text(encoding="utf-8").replace("ttl: 60s", f"ttl: {ttl}s{approvals}")
    where = f'upstream: {{ca: {upstream.ca_file}, connect_to: {{"{HOST}:443": "127.0.0.1:{port}"}}}}\n'
    config.write_text(f"{text}{where}{settings}", encoding="utf-8")
    add_entities(config.parent, entities)
    async with running(config, upstream) as house:
        await house.add_agent("toy", team="vendor")
        yield house


def add_entities(folder: Path, added: Any) -> None:
    change_entities(folder, lambda known: [*known, *added])


def change_entities(folder: Path, change: Callable[[list[Any]], list[Any]]) -> None:
    path = folder / "entities.json"
    path.write_text(json.dumps(change(json.loads(path.read_text(encoding="utf-8")))), encoding="utf-8")


def call(house: Inside, agent: str, method: str, path: str, body: Any) -> asyncio.Task[Answer]:
    client = house.agent(agent)
    return asyncio.create_task(client.send(method, BASE + path, json.dumps(body).encode(), JSON))


def pay(house: Inside, amount: float, agent: str = "toy", currency: str = "CNY") -> asyncio.Task[Answer]:
    body = {"amount": amount, "currency": currency}
    return call(house, agent, "POST", f"/v1/actors/{agent}/payments", body)


def paid(house: Inside, agent: str = "toy") -> int:
    return house.upstream.count("POST", f"/v1/actors/{agent}/payments")


async def passes(task: Awaitable[Answer]) -> bool:
    """Nobody was asked, and it arrived."""
    answer = await task
    return answer.status == 201 and answer.headers["X-Upstream"] == "real"


async def asked(house: Inside, task: asyncio.Task[Answer], trigger: str) -> str:
    """The envelope that this request waits for; its first row names the trigger."""
    (envelope,) = await house.held()
    assert not task.done()
    first = (await rows(house, envelope))[0]
    assert (first["kind"], first["reason"], first["detail"]) == ("decision", "requires_step_up", trigger)
    return envelope


async def asks(house: Inside, task: asyncio.Task[Answer], trigger: str) -> bool:
    """A person is asked, and denies; nothing arrives."""
    before = sum(house.upstream.calls.values())
    await house.person.deny(await asked(house, task, trigger))
    assert reason(await task) == "approval_denied"
    return sum(house.upstream.calls.values()) == before


async def rows(house: Inside, envelope: str) -> list[dict[str, Any]]:
    return [entry.row.columns() for entry in await house.service.store.rows_of([envelope])]


async def ended(house: Inside, envelope: str) -> dict[str, Any]:
    (end,) = [row for row in await rows(house, envelope) if row["kind"] == "end"]
    return end


OVER = "agentkeys-payment-over-limit"


async def test_agentkeys_600_approved_goes_out_once(tmp_path: Path) -> None:
    async with agentkeys(tmp_path) as house:
        task = pay(house, 600)
        envelope = await asked(house, task, OVER)
        assert paid(house) == 0
        await house.person.approve(envelope)
        assert await passes(task)
        assert paid(house) == 1
        assert json.loads(house.upstream.bodies[0]) == {"amount": 600, "currency": "CNY"}
        await house.service.releaser.settle()
        chain = await rows(house, envelope)
        assert [row["kind"] for row in chain] == ["decision", "signature", "mint", "authorised", "outcome"]
        assert {row["person"] for row in chain[1:3]} == {"Mika"}
        assert chain[-1]["outcome"] == "completed"


@pytest.mark.browser
async def test_agentkeys_600_approved_in_a_browser_goes_out_once(tmp_path: Path) -> None:
    async with agentkeys(tmp_path) as house, Chromium() as chromium:
        person = await chromium.person()
        await person.page.goto(await house.invite("Noor"))
        await person.page.get_by_role("button", name="Enrol").click()
        await person.page.wait_for_url("**/app/approvals")
        task = pay(house, 600)
        envelope = await asked(house, task, OVER)
        await person.open_next()
        await person.page.get_by_text("Pay 600.00 CNY for toy").first.wait_for()
        await person.approve_next()
        assert await passes(task)
        assert paid(house) == 1
        await person.page.get_by_role("heading", name="Approved and sent").wait_for()
        assert person.trouble == []
        (signed,) = [row for row in await rows(house, envelope) if row["kind"] == "signature"]
        assert (signed["person"], signed["decision_method"]) == ("Noor", "passkey")


async def test_agentkeys_600_denied_leaves_the_reason_and_who_denied_in_its_row(tmp_path: Path) -> None:
    async with agentkeys(tmp_path) as house:
        task = pay(house, 600)
        envelope = await asked(house, task, OVER)
        await house.person.deny(envelope, "Not this week.")
        answer = await task
        said = json.loads(answer.body)
        assert (answer.status, said["reason"], said["note"]) == (403, "approval_denied", "Not this week.")
        assert "Mika denied this request" in said["detail"]
        assert paid(house) == 0
        end = await ended(house, envelope)
        assert end["reason"] == "approval_denied"
        assert (end["person"], end["decision_method"]) == ("Mika", "session")
        assert end["credential_id"]


async def test_agentkeys_600_that_nobody_answers_times_out(tmp_path: Path) -> None:
    async with agentkeys(tmp_path) as house:
        task = pay(house, 600)
        envelope = await asked(house, task, OVER)
        await house.life_ends(envelope)
        answer = await task
        said = json.loads(answer.body)
        assert (answer.status, said["reason"], said["error"]) == (403, "approval_timeout", "ApprovalTimeout")
        assert paid(house) == 0
        await timed_out(house, envelope)


async def timed_out(house: Inside, envelope: str) -> None:
    end = await ended(house, envelope)
    assert end["reason"] == "approval_timeout"
    assert (end["person"], end["decision_method"]) == ("nobody", "timeout")
    assert await house.state(envelope) == State.EXPIRED


@pytest.mark.parametrize("currency", ["CNY", "JPY"])
async def test_agentkeys_vendor_default_lets_500_pass_and_asks_at_501(tmp_path: Path, currency: str) -> None:
    async with agentkeys(tmp_path) as house:
        assert await passes(pay(house, 500, currency=currency))
        assert await asks(house, pay(house, 501, currency=currency), OVER)
        assert paid(house) == 1


async def test_agentkeys_actor_override_loosens_for_one_and_tightens_for_another(tmp_path: Path) -> None:
    entities = [*limited("roomy", cny=100_000), *limited("tight", cny=10_000)]
    async with agentkeys(tmp_path, entities=entities) as house:
        await house.add_agent("roomy", team="vendor")
        await house.add_agent("tight", team="vendor")
        assert await passes(pay(house, 600, "roomy"))
        assert await asks(house, pay(house, 1001, "roomy"), OVER)
        assert await asks(house, pay(house, 150, "tight"), OVER)
        assert await passes(pay(house, 100, "tight"))
        assert await asks(house, pay(house, 600), OVER)
        assert (paid(house, "roomy"), paid(house, "tight"), paid(house)) == (1, 1, 0)


async def test_agentkeys_agent_without_a_vendor_has_no_limit_to_stay_below(tmp_path: Path) -> None:
    async with agentkeys(tmp_path) as house:
        await house.add_agent("stray")
        assert await asks(house, pay(house, 1, "stray"), OVER)


@pytest.mark.parametrize(
    "body", [{"amount": 100}, {"currency": "CNY"}, {"amount": 1, "currency": "XAU"}, {}], ids=json.dumps
)
async def test_agentkeys_payment_that_leaves_something_open_asks(tmp_path: Path, body: Any) -> None:
    async with agentkeys(tmp_path) as house:
        assert await asks(house, call(house, "toy", "POST", "/v1/actors/toy/payments", body), OVER)


@pytest.mark.parametrize("amount", ["-600", "6e2", '"600,00"', "600.001", "[600]"])
async def test_agentkeys_amount_with_no_one_reading_is_refused_unasked(tmp_path: Path, amount: str) -> None:
    async with agentkeys(tmp_path) as house:
        body = f'{{"amount": {amount}, "currency": "CNY"}}'.encode()
        answer = await house.agent("toy").send("POST", f"{BASE}/v1/actors/toy/payments", body, JSON)
        assert reason(answer) == "ambiguous_request"
        assert (paid(house), await house.person.waiting()) == (0, [])


async def queued(house: Inside) -> str:
    """What waits, seen without anybody being signed in."""
    await until(lambda: house.service.store.envelopes([State.PENDING]))
    return (await house.service.store.envelopes([State.PENDING]))[0].id


async def test_agentkeys_600_waits_for_an_approver_who_is_signed_out(tmp_path: Path) -> None:
    async with agentkeys(tmp_path) as house:
        await house.person.call("POST", "logout", {})
        task = pay(house, 600)
        envelope = await queued(house)
        with pytest.raises(Refused, match="401"):
            await house.person.waiting()
        assert not task.done()
        await house.person.sign_in()
        assert [row["id"] for row in await house.person.waiting()] == [envelope]
        await house.person.approve(envelope)
        assert await passes(task)
        assert paid(house) == 1


async def test_agentkeys_600_past_its_life_greets_a_signed_out_approver_as_timed_out(tmp_path: Path) -> None:
    async with agentkeys(tmp_path) as house:
        await house.person.call("POST", "logout", {})
        task = pay(house, 600)
        envelope = await queued(house)
        await house.life_ends(envelope)
        assert reason(await task) == "approval_timeout"
        await house.person.sign_in()
        assert await house.person.waiting() == []
        with pytest.raises(Refused, match="409"):
            await house.person.approve(envelope)
        await timed_out(house, envelope)
        assert paid(house) == 0


HOURLY = "limits: {questions: {agent: {waiting: 200, minute: 200}, team: {waiting: 200, minute: 200}}}\n"


@pytest.mark.parametrize(
    ("settings", "questions", "longest"), [("", 20, 60), (HOURLY, 60, 3600)], ids=["at once", "an hour"]
)
async def test_agentkeys_100_requests_of_one_agent_are_limited_and_no_other_agent_is(
    tmp_path: Path, settings: str, questions: int, longest: int
) -> None:
    async with agentkeys(tmp_path, ttl=60, approvals="\n  mode: reject", settings=settings) as house:
        await house.add_agent("calm", team="vendor")
        client = house.agent("toy")
        bodies = [json.dumps({"amount": 600 + n, "currency": "CNY"}).encode() for n in range(100)]
        url = f"{BASE}/v1/actors/toy/payments"
        answers = await asyncio.gather(*(client.send("POST", url, body, JSON) for body in bodies))
        told = Counter(reason(answer) for answer in answers)
        assert told == {"requires_step_up": questions, "rate_limited": 100 - questions}
        refused = [answer for answer in answers if reason(answer) == "rate_limited"]
        assert {answer.status for answer in refused} == {403}
        waits = [int(answer.headers["Retry-After"]) for answer in refused]
        assert longest - 30 <= min(waits) <= max(waits) <= longest
        assert len(await house.person.waiting()) == questions
        assert reason(await pay(house, 600, "calm")) == "requires_step_up"
        assert await passes(pay(house, 500, "calm"))
        assert await passes(pay(house, 500))
        assert (paid(house), paid(house, "calm")) == (1, 1)


@asynccontextmanager
async def second_approver(house: Inside) -> AsyncIterator[SoftPerson]:
    noor = SoftPerson(house.service.settings.origin, "Noor")
    try:
        await noor.enrol(await house.invite("Noor"))
        yield noor
    finally:
        await noor.close()


async def decided_by_two(
    house: Inside, first: Awaitable[object], second: Awaitable[object], envelope: str
) -> str:
    """Who was first. The other is told so, by name."""
    results = await asyncio.gather(first, second, return_exceptions=True)
    (lost,) = [result for result in results if isinstance(result, BaseException)]
    assert isinstance(lost, Refused)
    found = await house.service.store.envelope(envelope)
    assert found is not None
    assert found.decided_by == ("Noor" if lost is results[0] else "Mika")
    assert (lost.status, lost.body["error"]) == (409, "decided")
    assert lost.body["detail"].startswith(f"{found.decided_by} ")
    assert " this first, at " in lost.body["detail"]
    return found.decided_by


async def test_agentkeys_race_of_two_approvers_has_one_winner_and_one_release(tmp_path: Path) -> None:
    async with agentkeys(tmp_path) as house, second_approver(house) as noor:
        for round_ in range(8):
            task = pay(house, 600 + round_)
            (envelope,) = await house.held()
            winner = await decided_by_two(
                house, house.person.approve(envelope), noor.approve(envelope), envelope
            )
            assert await passes(task)
            assert paid(house) == round_ + 1
            chain = await rows(house, envelope)
            assert [row["person"] for row in chain if row["kind"] == "signature"] == [winner]


async def test_agentkeys_race_of_approve_against_deny_has_one_winner(tmp_path: Path) -> None:
    settings = "limits: {denials_in_a_row: 0}\n"
    async with agentkeys(tmp_path, settings=settings) as house, second_approver(house) as noor:

        async def deny(envelope: str, after: float) -> None:
            await asyncio.sleep(after)
            await noor.deny(envelope)

        winners: Counter[str] = Counter()
        for round_ in range(10):
            task = pay(house, 600 + round_)
            (envelope,) = await house.held()
            winner = await decided_by_two(
                house, house.person.approve(envelope), deny(envelope, round_ / 200), envelope
            )
            winners[winner] += 1
            if winner == "Mika":
                assert await passes(task)
            else:
                assert reason(await task) == "approval_denied"
            assert paid(house) == winners["Mika"]


async def test_agentkeys_approver_who_comes_second_is_told_who_came_first(tmp_path: Path) -> None:
    async with agentkeys(tmp_path) as house, second_approver(house) as noor:
        task = pay(house, 600)
        (envelope,) = await house.held()
        await house.person.approve(envelope)
        with pytest.raises(Refused, match="Mika approved this first, at "):
            await noor.deny(envelope)
        assert await passes(task)
        task = pay(house, 601)
        (envelope,) = await house.held()
        await noor.deny(envelope)
        with pytest.raises(Refused, match="Noor denied this first, at "):
            await house.person.approve(envelope)
        assert reason(await task) == "approval_denied"
        assert paid(house) == 1


async def test_agentkeys_credential_of_a_sensitive_service_asks_and_of_another_passes(tmp_path: Path) -> None:
    sensitive = "agentkeys-sensitive-credential"
    async with agentkeys(tmp_path) as house:
        assert await passes(call(house, "toy", "PUT", "/v1/credentials/weather", {"value": "x"}))
        task = call(house, "toy", "PUT", "/v1/credentials/GitHub", {"value": "x"})
        envelope = await asked(house, task, sensitive)
        await house.person.approve(envelope)
        assert await passes(task)
        assert house.upstream.count("PUT", "/v1/credentials/GitHub") == 1
        unlisted = call(house, "toy", "PUT", "/v1/credentials/nobody-listed-it", {"value": "x"})
        assert await asks(house, unlisted, sensitive)


async def test_agentkeys_family_namespace_is_written_from_inside_and_asked_about_from_outside(
    tmp_path: Path,
) -> None:
    async with agentkeys(tmp_path) as house:
        await house.add_agent("mika-toy", team="family")
        path = "/v1/memory/family/mika/birthday"
        assert await passes(call(house, "mika-toy", "PUT", path, {"text": "May"}))
        outside = call(house, "toy", "PUT", path, {"text": "June"})
        assert await asks(house, outside, "agentkeys-family-memory")
        assert await passes(call(house, "toy", "PUT", "/v1/memory/work/notes", {"text": "x"}))
        assert house.upstream.count("PUT", path) == 1


async def test_agentkeys_family_members_have_their_vendors_limit(tmp_path: Path) -> None:
    async with agentkeys(tmp_path) as house:
        await house.add_agent("mika-toy", team="family")
        assert await passes(pay(house, 500, "mika-toy"))
        assert await asks(house, pay(house, 501, "mika-toy"), OVER)


async def test_agentkeys_capability_passes_at_89_percent_and_asks_at_90(tmp_path: Path) -> None:
    root = entity("Keys::Cap", "root", attrs={"scope_count": 100})
    async with agentkeys(tmp_path, entities=[root]) as house:

        def child(scopes: int, parent: str = "root") -> asyncio.Task[Answer]:
            body = {"scopes": [f"scope-{number}" for number in range(scopes)]}
            return call(house, "toy", "POST", f"/v1/caps/{parent}/children", body)

        near = "agentkeys-scope-near-parent"
        assert await passes(child(89))
        assert await asks(house, child(90), near)
        assert await asks(house, child(0), near)
        assert await asks(house, child(1, "nobody-listed-it"), near)
        assert house.upstream.count("POST", "/v1/caps/root/children") == 1


def lower(known: list[Any]) -> list[Any]:
    """The vendor's default becomes ¥100."""
    (limits,) = [each for each in known if each["uid"] == {"type": "Limits", "id": "vendor"}]
    limits["tags"]["cny"] = 10_000
    return known


async def test_agentkeys_limit_lowered_while_running_holds_for_the_next_payment_and_is_a_row(
    tmp_path: Path,
) -> None:
    async with agentkeys(tmp_path) as house:
        assert await passes(pay(house, 400))
        before = house.service.rules.digest
        change_entities(house.folder, lower)
        await until(lambda: house.service.rules.digest != before)
        envelope = await asked(house, task := pay(house, 400), OVER)
        now = house.service.rules.digest
        assert (await rows(house, envelope))[0]["config_digest"] == now
        changes = await house.service.store.rows({"kind": "config"}, None, 10)
        told = [(each.row.decision, each.row.config_digest) for each in changes]
        assert told == [("in_force", now), ("in_force", before)]
        await house.person.approve(envelope)
        assert await passes(task)


async def test_agentkeys_limit_changed_by_mistake_loosens_nothing_and_is_a_row(tmp_path: Path) -> None:
    async with agentkeys(tmp_path) as house:

        def mistaken(known: list[Any]) -> list[Any]:
            return [*known, *limited("toy", cny="100000")]

        change_entities(house.folder, mistaken)
        await until(lambda: house.service.last_change.refused is not None)
        (row,) = await house.service.store.rows({"kind": "config", "decision": "refused"}, None, 10)
        assert 'tag "cny"' in (row.row.detail or "")
        assert await asks(house, pay(house, 600), OVER)


async def test_agentkeys_override_given_while_a_payment_waits_does_not_release_it_by_itself(
    tmp_path: Path,
) -> None:
    """It waits on; approved, it goes: the same request, allowed either way."""
    async with agentkeys(tmp_path) as house:
        envelope = await asked(house, task := pay(house, 600), OVER)
        before = house.service.rules.digest
        add_entities(house.folder, limited("toy", cny=100_000))
        await until(lambda: house.service.rules.digest != before)
        await asyncio.sleep(0.1)
        assert (task.done(), paid(house)) == (False, 0)
        await house.person.approve(envelope)
        assert await passes(task)
        assert paid(house) == 1
