from gateway.history.holding import Held, Reservations
from gateway.store.things import Reserved
from tests.kit.clocks import START


def test_only_the_same_purse_is_reserved() -> None:
    held = Held("ci", START, Reserved((), (), "", "", (("payment cny", 5), ("payment jpy", 7))))
    assert (held.of("payment cny"), held.of("payment jpy"), held.of("other cny")) == (5, 7, 0)


def test_what_is_reserved_is_found_by_its_question_until_it_is_removed() -> None:
    reservations, what = Reservations(), Reserved((), (), "", "", ())
    asked = Held("ci", START, what, "env_1", ("join", "scope"))
    undecided = Held("ci", START, what)
    for held in (asked, undecided):
        reservations.add(held)
    assert list(reservations) == [asked, undecided]
    assert reservations.named("env_1") is reservations.named(("join", "scope")) is asked
    assert reservations.named("env_2") is None
    reservations.remove(asked)
    assert asked not in reservations
    assert reservations.named("env_1") is reservations.named(("join", "scope")) is None
    assert len(reservations) == 1


def test_removing_an_older_reservation_leaves_the_names_to_the_newer_one() -> None:
    reservations, what = Reservations(), Reserved((), (), "", "", ())
    older, newer = (Held("ci", START, what, envelope, ("join", "scope")) for envelope in ("env_1", "env_2"))
    reservations.add(older)
    reservations.add(newer)
    reservations.remove(older)
    assert reservations.named(("join", "scope")) is newer
