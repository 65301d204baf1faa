"""The reference of the template format is what its description says."""

import re

from gateway.authoring.findings import LOADER, NAMES
from gateway.authoring.format import PARTS
from tools.template_reference import PAGE, page


def test_the_reference_is_the_one_that_the_description_makes() -> None:
    said = "Write it anew: python -m tools.template_reference"
    assert PAGE.read_text(encoding="utf-8") == page(), said


def test_every_key_of_every_mapping_has_a_row() -> None:
    text = page()
    for part in PARTS:
        section = text.partition(f"\n## {part.title}\n")[2].partition("\n## ")[0]
        assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == [key.name for key in part.keys]


def test_every_row_has_four_cells() -> None:
    for line in page().partition("## What lint finds")[0].splitlines():
        if line.startswith("| `"):
            assert len(re.findall(r"(?<!\\)\|", line)) == 5, line


def test_every_name_of_a_finding_is_explained() -> None:
    assert {name for _, name in LOADER} <= NAMES.keys()
