"""A short round of `python -m tests.faults --contend 1000`, and whether its judge can find anything wrong."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.faults.contending import Contest, judged


@pytest.mark.slow
async def test_of_many_who_decide_at_once_in_eight_processes_one_wins_and_the_others_hear_who(
    tmp_path: Path,
) -> None:
    wrong, said = await Contest(tmp_path, 20261121).run(30)
    assert wrong == [], said
    assert said["decisions"] == 300
    assert said["denied"] + said["approved"] == 30
    assert min(said["denied"], said["approved"], said["withdrawn"]) > 0
    assert said["told who won"] == 270


def told(person: str, **changes: Any) -> dict[str, Any]:
    return {"person": person, "verb": "deny", "won": False, "error": "decided", "winner": "Ada", **changes}


GOOD = [told("Ada", won=True, error=None), *(told("Bo") for _ in range(9))]
ROW = {"state": "denied", "decided_by": "Ada"}
REASONS = Counter({"approval_denied": 1, "requires_step_up": 1})


def test_the_judge_is_content_with_one_winner() -> None:
    assert judged(GOOD, ROW, REASONS) == []


@pytest.mark.parametrize(
    ("answers", "row", "reasons"),
    [
        ([told("Bo", won=True), *GOOD[:-1]], ROW, REASONS),
        ([told("Bo"), *GOOD[1:]], ROW, REASONS),
        (GOOD[:-1], ROW, REASONS),
        ([*GOOD[:-1], told("Bo", winner="Bo")], ROW, REASONS),
        ([*GOOD[:-1], told("Bo", error="changed")], ROW, REASONS),
        (GOOD, {**ROW, "decided_by": "Bo"}, REASONS),
        (GOOD, {**ROW, "state": "approved"}, REASONS),
        (GOOD, ROW, REASONS + Counter({"minted": 1})),
        (GOOD, ROW, REASONS + Counter({"withdrawn": 1})),
        (
            [told("Ada", won=True, verb="approve then withdraw"), *GOOD[1:]],
            {**ROW, "state": "approved"},
            REASONS,
        ),
    ],
    ids=[
        "two winners",
        "no winner",
        "an answer that is missing",
        "a loser who hears another name",
        "a loser who is not told",
        "another name in the envelope",
        "another state",
        "a mint beside a denial",
        "a withdrawal that nobody made",
        "a signer who cannot withdraw",
    ],
)
def test_the_judge_notices(answers: list[dict[str, Any]], row: dict[str, Any], reasons: Counter[str]) -> None:
    assert judged(answers, row, reasons) != []
