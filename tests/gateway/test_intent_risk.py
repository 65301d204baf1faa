import pytest

from gateway.intent_risk import intent_risk
from gateway.model import Undo
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
