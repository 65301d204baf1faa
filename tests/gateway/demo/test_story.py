from collections import deque
from pathlib import Path

import pytest

from gateway.demo import story
from gateway.demo.client import Answer
from gateway.playground import Call, Playground


@pytest.mark.slow
async def test_tells_five_stories_with_their_rows_and_the_upstream_saw_what_it_should(tmp_path: Path) -> None:
    told: list[str] = []
    await story.headless(tmp_path / "demo", told.append)
    text = "\n".join(told)
    for said in ("decision=allow", "policy_denied", "cosigner=bafy", "approval_denied", "approval_timeout"):
        assert said in text
    assert "outcome=completed status=201" in text


@pytest.mark.slow
async def test_a_request_that_arrives_twice_fails_the_demo(tmp_path: Path, monkeypatch) -> None:
    counted = Playground.count
    monkeypatch.setattr(Playground, "count", lambda self, method, path: 2 * counted(self, method, path))
    with pytest.raises(story.Unexpected, match="did not arrive once"):
        await story.headless(tmp_path / "demo", lambda _: None)


@pytest.mark.slow
async def test_a_stray_request_fails_the_demo(tmp_path: Path, monkeypatch) -> None:
    async def strayed(stage: story.Stage) -> None:
        """Something else."""
        stage.service.playground.calls = deque([Call("GET", "/stray")])

    monkeypatch.setattr(story, "_timed_out", strayed)
    with pytest.raises(story.Unexpected, match="something else"):
        await story.headless(tmp_path / "demo", lambda _: None)


def test_an_answer_that_is_not_the_refusal_fails_the_demo() -> None:
    passed = Answer(200, {}, b'{"reason": "none"}')
    with pytest.raises(story.Unexpected, match="answered 200 none"):
        story._refused(passed, "policy_denied")
