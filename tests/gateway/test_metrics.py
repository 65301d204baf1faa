import re

import pytest

from gateway.metrics import Metrics

SAMPLE = re.compile(r'[a-z_]+(\{[a-z]+="(?:[^"\\\n]|\\.)*"\})? \d+')


def page(metrics: Metrics, **changes: object) -> str:
    usual: dict[str, object] = {
        "config": "abc",
        "refused": False,
        "envelopes": {"pending": 2},
        "open_reviews": 4,
    }
    return metrics.page(**{**usual, **changes})  # type: ignore[arg-type]  # a test changes one of them


def test_only_the_token_opens_them() -> None:
    metrics = Metrics("the-token")
    assert metrics.admits("the-token")
    for wrong in ("", "the-toke", "the-token ", "THE-TOKEN", "the-tokén"):
        assert not metrics.admits(wrong)


def test_without_a_token_nobody_is_admitted_not_even_with_an_empty_one() -> None:
    assert not Metrics().admits("")


def test_the_token_is_not_in_what_is_printed() -> None:
    assert "the-token" not in repr(Metrics("the-token"))
    assert "the-token" not in page(Metrics("the-token"))


def test_what_is_counted_is_on_the_page() -> None:
    metrics = Metrics()
    metrics.decisions["step_up"] += 3
    metrics.reloads["refused"] += 1
    lines = page(metrics).splitlines()
    assert 'secondsig_decisions_total{effect="step_up"} 3' in lines
    assert 'secondsig_decisions_total{effect="deny"} 0' in lines
    assert 'secondsig_reloads_total{result="refused"} 1' in lines
    assert 'secondsig_reloads_total{result="taken"} 0' in lines
    assert 'secondsig_envelopes{state="pending"} 2' in lines
    assert 'secondsig_config_digest_info{digest="abc"} 1' in lines
    assert "secondsig_open_reviews 4" in lines
    assert "secondsig_config_refused 0" in lines
    assert "secondsig_config_refused 1" in page(metrics, refused=True).splitlines()


def test_every_family_has_its_help_and_type_before_its_samples() -> None:
    lines = page(Metrics()).splitlines()
    families = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(families) == len(set(families)) == 6
    for line in lines:
        if not line.startswith("#"):
            assert SAMPLE.fullmatch(line)
            assert re.split(r"[{ ]", line)[0] in families


@pytest.mark.parametrize("state", ['a"b', "a\\b", "a\nb", 'a"} 1\nevil 9'])
def test_a_label_cannot_break_out_of_its_line(state: str) -> None:
    told = page(Metrics(), envelopes={state: 1})
    assert all(SAMPLE.fullmatch(line) for line in told.splitlines() if not line.startswith("#"))
