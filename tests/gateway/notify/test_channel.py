import dataclasses

import pytest

from gateway.notify import channel


@pytest.mark.parametrize("outcome", [channel.Sent, channel.Accepted, channel.Failed])
def test_what_came_of_a_message_cannot_be_altered(outcome: type) -> None:
    assert dataclasses.is_dataclass(outcome)
    assert outcome.__dataclass_params__.frozen  # type: ignore[attr-defined]  # every dataclass has it


def test_the_three_outcomes_are_told_apart() -> None:
    outcomes: list[channel.Outcome] = [channel.Sent(), channel.Accepted()]
    assert outcomes[0] != outcomes[1]
    assert channel.Failed("gone", again=False) != channel.Failed("gone", again=True)
