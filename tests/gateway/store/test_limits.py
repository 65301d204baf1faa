from pathlib import Path

from gateway.store import things, writes
from tests.kit.stores import TimedStore

CI, TEAM = things.Holder("agent", "ci"), things.Holder("team", "ci")


async def test_limits_are_set_replaced_and_taken_away_and_outlive_a_restart(tmp_path: Path) -> None:
    store = TimedStore(tmp_path / "test.db")
    await store.apply(writes.SetLimits(CI, (("jpy", 5), ("eur", 7))))
    await store.apply(writes.SetLimits(TEAM, (("jpy", 9),)))
    await store.apply(writes.SetLimits(CI, (("jpy", 6), ("eur", None), ("usd", None))))
    assert await store.limits() == {CI: {"jpy": 6}, TEAM: {"jpy": 9}}
    await store.close()
    again = TimedStore(tmp_path / "test.db")
    assert await again.limits() == {CI: {"jpy": 6}, TEAM: {"jpy": 9}}
    await again.close()
