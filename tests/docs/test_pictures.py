"""The pictures of the docs: each is made by one command, is small, and says in words what it shows."""

import re
from pathlib import Path

import pytest

from tools.screenshots import FOLDER, PICTURES, draw

ROOT = Path(__file__).parent.parent.parent
WAY_OUT = "run python -m tools.screenshots"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LARGEST = 120_000
PNG = b"\x89PNG\r\n\x1a\n"


def named() -> dict[Path, str]:
    """Every picture that a page names, with what it says for those who do not see it."""
    found: dict[Path, str] = {}
    for page in PAGES:
        for tag in re.findall(r"<img [^>]*>", page.read_text(encoding="utf-8")):
            told = dict(re.findall(r'(\w+)="([^"]*)"', tag))
            found[(page.parent / told["src"]).resolve()] = told.get("alt", "")
        for words, file in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
            found[(page.parent / file).resolve()] = words
    return found


def test_the_docs_name_just_the_pictures_that_the_command_makes() -> None:
    assert set(named()) == {FOLDER / name for name in PICTURES}
    assert {file.name for file in FOLDER.iterdir()} == set(PICTURES), WAY_OUT
    assert all(len(words.split()) > 3 for words in named().values())


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_small_enough_to_be_loaded_with_its_page(name: str) -> None:
    content = (FOLDER / name).read_bytes()
    assert content.startswith(PNG)
    assert len(content) < LARGEST


@pytest.mark.browser
@pytest.mark.slow
async def test_the_command_draws_each_of_them(tmp_path: Path) -> None:
    await draw(tmp_path)
    sizes = {file.name: file.stat().st_size for file in tmp_path.iterdir()}
    assert set(sizes) == set(PICTURES)
    assert max(sizes.values()) < LARGEST
