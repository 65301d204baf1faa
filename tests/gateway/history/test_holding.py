from gateway.history.holding import Held
from gateway.store.things import Reserved
from tests.kit.clocks import START


def test_only_the_same_purse_is_reserved() -> None:
    held = Held("ci", START, Reserved((), (), "", "", (("payment cny", 5), ("payment jpy", 7))))
    assert (held.of("payment cny"), held.of("payment jpy"), held.of("other cny")) == (5, 7, 0)
