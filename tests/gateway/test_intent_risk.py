from dataclasses import replace

import pytest

from gateway.intent_risk import Noticed, intent_risk, unread
from gateway.model import EntityRef, Undo
from tests.kit.things import a_mapped, a_unit


@pytest.mark.parametrize(
    ("group", "level", "why"),
    [
        ("destructive", "high", "Destroys something"),
        ("payment", "high", "Moves money"),
        ("credential", "high", "Touches a credential"),
        ("access", "high", "Changes who has access"),
        ("publish", "medium", "Publishes"),
        ("execute", "medium", "Runs code"),
        ("communicate", "medium", "Speaks to others"),
    ],
)
def test_each_group_has_its_level_and_its_reason(group: str, level: str, why: str) -> None:
    assert intent_risk(a_mapped(a_unit(groups=(group,)))) == (level, (why,))


def test_what_cannot_be_undone_is_high_whatever_its_groups() -> None:
    unit = a_unit(groups=("content",), undo=Undo("never"))
    assert intent_risk(a_mapped(unit)) == ("high", ("Cannot be undone",))


@pytest.mark.parametrize("how", ["easy", "hard"])
def test_what_can_be_undone_is_not_raised_by_that(how: str) -> None:
    unit = a_unit(groups=("content",), undo=Undo(how))  # type: ignore[arg-type]  # parametrised
    assert intent_risk(a_mapped(unit)) == ("medium", ("Changes something",))


def test_a_write_that_no_template_names_is_medium_and_says_so() -> None:
    unit = a_unit(groups=(), action="/shop/unmatched/write")
    assert intent_risk(a_mapped(unit)) == ("medium", ("No template names this action",))


def test_a_read_is_low() -> None:
    assert intent_risk(a_mapped(a_unit(groups=(), access="read"))) == ("low", ("Only reads",))


def test_a_harmless_unit_beside_a_payment_hides_nothing() -> None:
    units = (a_unit(groups=(), access="read"), a_unit(groups=("publish", "payment")))
    assert intent_risk(a_mapped(*units)) == ("high", ("Moves money", "Publishes"))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (".env", "Its name speaks of a secret"),
        ("app/.env.production", "Its name speaks of a secret"),
        ("team-secrets", "Its name speaks of a secret"),
        ("CREDENTIALS.json", "Its name speaks of a secret"),
        ("/home/x/.ssh/id_ed25519", "Its name speaks of a secret"),
        ("prod", "Its name speaks of production or of administrators"),
        ("db_Production", "Its name speaks of production or of administrators"),
        ("/admin/users", "Its name speaks of production or of administrators"),
        ("main", "Its name speaks of a main branch"),
        ("refs/heads/master", "Its name speaks of a main branch"),
    ],
)
@pytest.mark.parametrize("where", ["resource", "path", "branch"])
def test_what_is_called_like_something_sensitive_is_named(name: str, reason: str, where: str) -> None:
    unit = a_unit(groups=(), context={}, access="read")
    named = (
        replace(unit, resource=EntityRef("Shop::Box", name))
        if where == "resource"
        else replace(unit, context={where: name})
    )
    assert reason in intent_risk(a_mapped(named))[1]
    assert intent_risk(a_mapped(unit)) == ("low", ("Only reads",))


@pytest.mark.parametrize(
    "name", ["product", "environment", "secretary", "maintenance", "livery", "roots", "x.envy"]
)
def test_a_name_that_only_begins_like_that_is_not(name: str) -> None:
    unit = a_unit(groups=(), context={"path": name}, access="read")
    assert intent_risk(a_mapped(unit)) == ("low", ("Only reads",))


@pytest.mark.parametrize(
    ("noticed", "read", "write", "reason"),
    [
        (Noticed(no_purpose=True), "low", "medium", "Says no purpose"),
        (Noticed(first=frozenset({"agent"})), "low", "medium", "First request of this agent"),
        (Noticed(first=frozenset({"address"})), "medium", "high", "First time from this address"),
        (Noticed(first=frozenset({"credential"})), "medium", "high", "First time with this credential"),
        (Noticed(first=frozenset({"action"})), "low", "medium", "First time that this agent does this"),
        (Noticed(first=frozenset({"resource"})), "low", "medium", "First time that this agent touches this"),
        (Noticed(larger=True), "high", "high", "More money than this agent moved at once in 30 days"),
        (Noticed(burst=True), "medium", "high", "Far more requests than in this agent's usual hours"),
        (Noticed(odd_hour=True), "low", "medium", "Outside this agent's usual hours"),
    ],
)
def test_what_stands_out_has_its_level_and_its_reason(
    noticed: Noticed, read: str, write: str, reason: str
) -> None:
    plain = a_unit(groups=(), context={})
    level, reasons = intent_risk(a_mapped(replace(plain, access="read")), noticed)
    assert level == read
    assert (reason in reasons) is (reason != "Says no purpose")
    level, reasons = intent_risk(a_mapped(plain), noticed)
    assert (level, reason in reasons) == (write, True)


def test_the_gravest_reason_stands_first_and_nothing_lowers_a_level() -> None:
    unit = a_unit(groups=("destructive",), context={})
    everything = Noticed(
        no_purpose=True, first=frozenset({"address"}), larger=True, odd_hour=True, burst=True, path="x"
    )
    level, reasons = intent_risk(a_mapped(unit), everything)
    assert (level, reasons[0]) == ("high", "Destroys something")
    assert reasons.index("First time from this address") < reasons.index("Says no purpose")


def test_the_path_speaks_only_where_no_template_names_the_action() -> None:
    assert unread(a_mapped(), "/secrets") == ""
    assert unread(a_mapped(a_unit(groups=("unmatched",))), "/secrets") == "/secrets"
