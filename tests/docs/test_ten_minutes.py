"""The guide's ten minutes: its description, its commands, in its order, against a gateway that runs."""

import asyncio
import re
import shlex
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.cli.main import main
from gateway.config import load_settings
from gateway.installation import install
from gateway.service import Service

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "template-authors.md"
IN_FORCE = "template_files: [tea.yaml]"


def section() -> str:
    text = GUIDE.read_text(encoding="utf-8")
    return text.partition("\n## Ten minutes")[2].partition("\n## ")[0]


def commands() -> list[list[str]]:
    blocks = re.findall(r"```sh\n(.*?)```", section(), re.DOTALL)
    return [shlex.split(line)[1:] for block in blocks for line in block.splitlines()]


@pytest.fixture
async def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Service]:
    path = install(tmp_path, proxy="127.0.0.1:0", pages="localhost:0")
    path.write_text(path.read_text().replace("  github:\n  stripe:\n", ""))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SECONDSIG_CONFIG", str(path))
    (description,) = re.findall(r"```yml\n(.*?)```", section(), re.DOTALL)
    (tmp_path / "tea-api.yaml").write_text(description, encoding="utf-8")
    made = Service(load_settings(path, {}))
    await made.start()
    yield made
    await made.stop()


async def test_every_command_of_the_ten_minutes_works_in_its_order(
    gateway: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    said: dict[str, str] = {}
    for words in commands():
        name = " ".join(words[:2]) if words[0] == "template" else words[0]
        if name == "template explain":
            settings = gateway.settings.file
            settings.write_text(f"{settings.read_text()}\n{IN_FORCE}\n")
        assert await asyncio.to_thread(main, words) == 0, words
        said[name] = capsys.readouterr().out
    assert list(said) == [
        "template import",
        "template lint",
        "template test",
        "template coverage",
        "template explain",
        "reload",
    ]
    assert said["template test"] == "3 passed, 0 failed\n"
    assert "100 %" in said["template coverage"]
    assert "/tea/order/delete" in said["template explain"]
    assert gateway.rules.library.serves("https", "api.tea.example", 443) == "tea"


def test_the_guide_says_how_a_template_is_put_in_force() -> None:
    assert IN_FORCE in section()
