import json
from pathlib import Path

import pytest

from gateway.cli.main import main


def test_it_says_what_it_wrote_and_what_comes_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", "--dir", str(tmp_path / "new")]) == 0
    written = tmp_path / "new" / "secondsig.yaml"
    assert written.exists()
    out = capsys.readouterr().out
    assert f"Wrote {written}" in out
    assert f"Start it: secondsig serve --config {written}" in out


def test_machines_are_told_the_path(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--dir", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"config": str(tmp_path / "secondsig.yaml")}


def test_a_second_time_it_overwrites_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["init", "--dir", str(tmp_path)])
    before = (tmp_path / "secondsig.yaml").read_bytes()
    assert main(["init", "--dir", str(tmp_path)]) == 1
    assert "exists already" in capsys.readouterr().err
    assert (tmp_path / "secondsig.yaml").read_bytes() == before


def test_without_a_folder_it_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECONDSIG_HOME", str(tmp_path / "home"))
    assert main(["init"]) == 0
    assert (tmp_path / "home" / "secondsig.yaml").exists()


def test_a_variation_says_which_host_to_put_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--dir", str(tmp_path), "--with", "agentkeys"]) == 0
    assert "agentkeys-payment-over-limit" in (tmp_path / "policy.cedar").read_text()
    assert "Put the host of agentkeys into it" in capsys.readouterr().out


def test_a_variation_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        main(["init", "--dir", str(tmp_path), "--with", "agentkey"])
    assert list(tmp_path.iterdir()) == []
