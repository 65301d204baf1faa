from calendar import timegm

import pytest

from gateway.reach import Reach, Told, Topic, channels_for, is_quiet
from gateway.settings import AppriseChannel, NotificationRule, Notifications, Quiet

NOON = timegm((2026, 11, 20, 12, 0, 0))
MAIL, PAGER = AppriseChannel("mailto://a"), AppriseChannel("pagerduty://b")
BOTH = {"mail": MAIL, "pager": PAGER}
GROUPS = {("Mika", "finance"), ("Tomo", "finance"), ("Tomo", "oncall")}


def belongs(person: str, group: str) -> bool:
    return (person, group) in GROUPS


def topic(
    service: str = "stripe", groups: tuple[str, ...] = ("payment",), risk: str = "high", at: int = NOON
):
    return Topic(service, frozenset(groups), risk, at)


def by(*rules: NotificationRule) -> Notifications:
    return Notifications(BOTH, rules)


def test_without_rules_everybody_is_told_over_every_channel() -> None:
    told = Reach().told(by(), topic(), ["Mika", "Noor"], belongs)
    assert told == tuple(Told(person, name) for person in ("Mika", "Noor") for name in ("mail", "pager"))


def test_a_rule_is_for_a_person_or_for_a_group() -> None:
    rules = by(NotificationRule(("mail",), to="Noor"), NotificationRule(("pager",), to="finance"))
    told = Reach().told(rules, topic(), ["Mika", "Noor", "Ken"], belongs)
    assert set(told) == {Told("Noor", "mail"), Told("Mika", "pager")}


@pytest.mark.parametrize(
    ("rule", "asked", "holds"),
    [
        (NotificationRule(("mail",), service="stripe"), topic(), True),
        (NotificationRule(("mail",), service="github"), topic(), False),
        (NotificationRule(("mail",), group="payment"), topic(groups=("content", "payment")), True),
        (NotificationRule(("mail",), group="payment"), topic(groups=()), False),
        (NotificationRule(("mail",), risk="medium"), topic(risk="low"), False),
        (NotificationRule(("mail",), risk="medium"), topic(risk="medium"), True),
        (NotificationRule(("mail",), risk="medium"), topic(risk="high"), True),
        (NotificationRule(("mail",), risk="high"), topic(risk="what nobody knows"), True),
    ],
)
def test_a_rule_holds_for_what_it_names(rule: NotificationRule, asked: Topic, holds: bool) -> None:
    assert channels_for("Mika", by(rule), asked, belongs) == (("mail",) if holds else ())


def test_two_rules_that_name_one_channel_tell_once() -> None:
    rules = by(NotificationRule(("mail", "pager")), NotificationRule(("mail",), to="Mika"))
    assert len(Reach().told(rules, topic(), ["Mika", "Mika"], belongs)) == 2


NIGHT = Quiet(22 * 60, 7 * 60, "Asia/Tokyo")


@pytest.mark.parametrize(
    ("utc_hour", "minute", "quiet"),
    [(12, 59, False), (13, 0, True), (18, 0, True), (21, 59, True), (22, 0, False), (3, 0, False)],
)
def test_a_night_is_counted_by_the_clock_of_its_zone_and_passes_midnight(
    utc_hour: int, minute: int, quiet: bool
) -> None:
    assert is_quiet(NIGHT, timegm((2026, 11, 20, utc_hour, minute, 0))) is quiet


def test_a_quiet_lunch_is_within_one_day() -> None:
    lunch = Quiet(12 * 60, 13 * 60, "UTC")
    assert is_quiet(lunch, NOON)
    assert not is_quiet(lunch, NOON + 3600)
    assert not is_quiet(lunch, NOON - 1)


def test_summer_time_is_the_zones_own() -> None:
    berlin = Quiet(22 * 60, 7 * 60, "Europe/Berlin")
    assert is_quiet(berlin, timegm((2026, 7, 1, 20, 30, 0)))
    assert not is_quiet(berlin, timegm((2026, 12, 1, 20, 30, 0)))


def test_in_quiet_hours_only_those_on_call_are_told() -> None:
    always = Quiet(0, 24 * 60, "UTC", ("pager",))
    assert channels_for("Mika", by(NotificationRule(("mail",), quiet=always)), topic(), belongs) == ("pager",)
    silent = NotificationRule(("mail",), quiet=Quiet(0, 24 * 60, "UTC"))
    assert channels_for("Mika", by(silent), topic(), belongs) == ()
    assert not Reach().anybody(by(silent), topic(), ["Mika"], belongs)


def test_without_a_channel_the_pages_suffice() -> None:
    assert Reach().anybody(Notifications(), topic(), [], belongs)


def test_who_has_no_channel_is_reached_by_a_page_that_is_open() -> None:
    reach, rules = Reach(), by(NotificationRule(("mail",), to="Tomo"))
    assert not reach.anybody(rules, topic(), ["Mika"], belongs)
    with reach.page_of("Mika"), reach.page_of("Mika"):
        assert reach.anybody(rules, topic(), ["Mika"], belongs)
        assert not reach.anybody(rules, topic(), ["Noor"], belongs)
    assert not reach.anybody(rules, topic(), ["Mika"], belongs)


def test_a_channel_of_ones_own_needs_no_rule() -> None:
    reach = Reach()
    reach.personal["push"] = {"Mika"}.__contains__
    assert reach.told(Notifications(), topic(), ["Mika", "Tomo"], belongs) == (Told("Mika", "push"),)
    assert reach.anybody(by(NotificationRule(("mail",), to="Tomo")), topic(), ["Mika"], belongs)


def test_what_went_out_in_vain_is_known_until_somebody_is_told_or_looks() -> None:
    reach = Reach()
    assert not reach.is_in_vain("env_1")
    reach.gave_up("env_1", {"Mika", "Tomo"})
    assert reach.is_in_vain("env_1")
    with reach.page_of("Tomo"):
        assert not reach.is_in_vain("env_1")
    with reach.page_of("Noor"):
        assert reach.is_in_vain("env_1")
    reach.reached("env_1")
    assert not reach.is_in_vain("env_1")
