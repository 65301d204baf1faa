from typing import Any

import pytest

from gateway.decoded import DecodedBody
from gateway.errors import ambiguous
from gateway.history.holding import Held
from gateway.history.moment import Moment, money_of, unusual
from gateway.history.past import Past
from gateway.history.windows import DAY, HOUR
from gateway.model import Mapped, Money
from gateway.payload import Observed
from gateway.questions import Names
from gateway.store.things import Reserved
from tests.kit.clocks import START
from tests.kit.things import a_mapped, a_request, a_unit, an_envelope, money, with_header

WHAT = Reserved(("/shop/payment/create",), ("box",), "key", "home", (("payment jpy", 600),))
REQUEST = with_header(a_request(), "Secondsig-Purpose", "tea")


def moment(past: Past, what: Reserved = WHAT, now: int = START, **changes: Any) -> Moment:
    mapped: Mapped = changes.pop("mapped", a_mapped())
    return Moment(past, changes.pop("request", REQUEST), mapped, what, now, **changes)


def a_worker(days: int = 10, hours: tuple[int, ...] = (9, 10, 11), each: int = 4) -> Past:
    """One that has worked at these hours of the last days, and passed that often in each."""
    past = Past("ci-bot")
    midnight = START - START % DAY
    for day in range(days, 0, -1):
        for hour in hours:
            for _ in range(each):
                list(past.passed(WHAT, midnight - day * DAY + hour * HOUR))
    return past


AT_TEN = START - START % DAY + 10 * HOUR


def test_this_request_is_in_every_count() -> None:
    past = Past("ci-bot")
    told = {"requests_hour": 1, "requests_day": 1, "action_hour": 1, "action_day": 1, "questions_hour": 1}
    assert moment(past).recent("/shop/payment/create") == told
    list(past.came(("/shop/payment/create",), START))
    past.questions.add(START)
    assert moment(past).recent("/shop/payment/create") == dict.fromkeys(told, 2)
    assert moment(past).recent("/shop/other")["action_day"] == 1


def test_at_the_spend_it_is_in_every_count_once() -> None:
    past = Past("ci-bot")
    list(past.came(("/shop/payment/create",), START))
    past.questions.add(START)
    past.held.add(Held("ci-bot", START, WHAT, "env_1"))
    spends = moment(past, spends=an_envelope(id="env_1"))
    assert set(spends.recent("/shop/payment/create").values()) == {1}
    assert spends.spent(a_unit()) == {"hour": 600, "day": 600}
    other = moment(past, spends=an_envelope(id="env_2"))
    assert other.spent(a_unit()) == {"hour": 1200, "day": 1200}


def test_a_retry_is_not_counted_beside_what_was_reserved_for_it() -> None:
    past = Past("ci-bot")
    past.held.add(Held("ci-bot", START, WHAT, "env_1", ("join", "scope")))
    past.questions.add(START)
    same = moment(past, names=lambda: named("join"))
    assert same.spent(a_unit()) == {"hour": 600, "day": 600}
    assert same.recent("x")["questions_hour"] == 1
    assert same.observed.question_this_hour == 1
    for names in (lambda: named("other"), unreadable):
        assert moment(past, names=names).spent(a_unit()) == {"hour": 1200, "day": 1200}


def named(join: str) -> Names:
    return Names(DecodedBody("none"), b"", (join, "scope"), "intent")


def unreadable() -> Names:
    raise ambiguous("two ways")


def test_the_names_are_made_when_they_are_needed_and_once() -> None:
    made: list[str] = []

    def names() -> Names:
        made.append("names")
        return named("join")

    past = Past("ci-bot")
    asked = moment(past, names=names)
    assert asked.spent(a_unit()) == {"hour": 600, "day": 600}
    assert made == []
    assert asked.names is asked.names
    assert made == ["names"]
    with pytest.raises(TypeError):
        _ = moment(past).names


def test_all_units_of_a_request_add_up_and_a_negative_one_lowers_nothing() -> None:
    units = [a_unit(context=money(n)) for n in (200, 300, -400)]
    units += [a_unit(context=money(7, "eur")), a_unit(context=money(9), groups=()), a_unit(context={})]
    sums = money_of(a_mapped(*units))
    assert sums == (("payment jpy", 500), ("payment eur", 7), ("other jpy", 9))
    told = moment(Past("ci-bot"), Reserved((), (), "", "", sums), mapped=a_mapped(*units))
    assert [told.spent(unit) and told.spent(unit)["day"] for unit in units] == [500, 500, 500, 7, 9, None]  # type: ignore[index]


def test_money_under_another_name_or_type_is_no_money() -> None:
    unit = a_unit(context={"fee": Money("jpy", 5, 0), "money": "600"})
    assert money_of(a_mapped(unit)) == ()
    assert moment(Past("ci-bot")).spent(unit) is None


def test_the_very_first_request_is_new_in_every_way_and_says_so_once() -> None:
    told = moment(Past("ci-bot"))
    assert told.observed == Observed(("action", "address", "agent", "credential", "resource"), 0, 1)
    assert told.risk == ("high", ("Moves money", "First request of this agent"))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"credential": "stolen"}, "First time with this credential"),
        ({"address": "elsewhere"}, "First time from this address"),
        ({"actions": ("/shop/other",)}, "First time that this agent does this"),
        ({"resources": ("box", "other")}, "First time that this agent touches this"),
    ],
)
def test_what_nothing_that_passed_had_is_named(changed: dict[str, Any], reason: str) -> None:
    past = a_worker()
    from dataclasses import replace

    assert moment(past, now=AT_TEN).risk == ("high", ("Moves money",))
    assert reason in moment(past, replace(WHAT, **changed), AT_TEN).risk[1]


def test_more_than_it_ever_moved_is_named_and_as_much_is_not() -> None:
    past = a_worker()
    more = Reserved(WHAT.actions, WHAT.resources, "key", "home", (("payment jpy", 601),))
    reason = "More money than this agent moved at once in 30 days"
    assert reason in moment(past, more, AT_TEN).risk[1]
    assert reason not in moment(past, WHAT, AT_TEN).risk[1]
    assert reason not in moment(Past("ci-bot"), more, AT_TEN).risk[1]


@pytest.mark.parametrize(
    ("past", "hour", "odd"),
    [(a_worker(), 10, False), (a_worker(), 3, True), (a_worker(4), 3, False), (a_worker(5), 3, True)],
)
def test_an_hour_in_which_it_never_works_is_odd_once_its_days_are_known(
    past: Past, hour: int, odd: bool
) -> None:
    risk = moment(past, now=START - START % DAY + hour * HOUR).risk[1]
    assert ("Outside this agent's usual hours" in risk) is odd


@pytest.mark.parametrize(("requests", "burst"), [(29, False), (30, True)])
def test_far_more_requests_than_usual_are_a_burst(requests: int, burst: bool) -> None:
    past = a_worker()
    for _ in range(requests):
        list(past.came((), AT_TEN))
    assert ("Far more requests than in this agent's usual hours" in moment(past, now=AT_TEN).risk[1]) is burst


def test_a_new_agent_has_no_usual_rate() -> None:
    past = Past("ci-bot")
    for _ in range(1000):
        list(past.came((), START))
        past.questions.add(START)
    assert "Far more requests than in this agent's usual hours" not in moment(past).risk[1]
    assert unusual(past, START) is None


def test_the_level_at_the_spend_is_never_below_that_of_the_question() -> None:
    reading = a_mapped(a_unit(groups=(), access="read", context={}))
    past = a_worker()
    assert moment(past, now=AT_TEN, mapped=reading).intent_risk() == "low"
    spends = moment(past, now=AT_TEN, mapped=reading, spends=an_envelope(intent_risk="medium"))
    assert spends.intent_risk() == "medium"
    assert moment(past, now=AT_TEN, spends=an_envelope(intent_risk="low")).intent_risk() == "high"


def test_where_nothing_names_the_action_its_path_speaks() -> None:
    unit = a_unit(action="/shop/unmatched/write", groups=("unmatched",))
    request = with_header(a_request(target="/v1/secrets/x"), "Secondsig-Purpose", "tea")
    told = moment(a_worker(), now=AT_TEN, mapped=a_mapped(unit), request=request)
    assert "Its name speaks of a secret" in told.risk[1]
    assert "Its name speaks of a secret" not in moment(a_worker(), now=AT_TEN, request=request).risk[1]


def test_a_write_without_a_purpose_says_so() -> None:
    assert "Says no purpose" in moment(a_worker(), now=AT_TEN, request=a_request()).risk[1]


@pytest.mark.parametrize(("asked", "flood"), [(4, False), (5, False), (6, True), (14, True)])
def test_a_flood_of_questions_is_told_with_its_numbers(asked: int, flood: bool) -> None:
    past = a_worker()
    for day in range(10):
        for hour in (9, 10, 11):
            for _ in range(2):
                list(past.opened(AT_TEN - AT_TEN % DAY - (day + 1) * DAY + hour * HOUR))
    for _ in range(asked):
        past.questions.add(AT_TEN)
    found = unusual(past, AT_TEN + 300)
    assert (found is not None) is flood
    if found:
        assert (found.in_10_min, found.usual_per_hour) == (asked, 2)


def test_the_same_past_at_the_same_time_has_the_same_level() -> None:
    past = a_worker()
    assert moment(past, now=AT_TEN).risk == moment(past, now=AT_TEN).risk
