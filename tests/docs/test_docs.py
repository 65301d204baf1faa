"""The documentation says what the code does: every name in a reference is held to the code it describes."""

import argparse
import ast
import re
import shlex
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from gateway.audit import COLUMNS, FILTERABLE, Kind
from gateway.cli.arguments import build_parser
from gateway.config import NOT_SETTINGS, load_settings
from gateway.errors import STATUS, Reason
from gateway.settings import (
    Approvals,
    Judge,
    Limits,
    Listen,
    Notifications,
    PagesTls,
    Service,
    Settings,
    Upstream,
)

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
GUIDES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
PARTS = {
    "listen": Listen,
    "pages_tls": PagesTls,
    "approvals": Approvals,
    "limits": Limits,
    "upstream": Upstream,
    "judge": Judge,
    "notifications": Notifications,
    "templates.NAME": Service,
}
EVERYWHERE = {"--help", "--json", "--config"}


def text_of(name: str) -> str:
    return (DOCS / "reference" / name).read_text(encoding="utf-8")


def section(text: str, heading: str) -> str:
    """What stands below a heading, up to the next of its rank or higher."""
    rank = heading.split(" ", maxsplit=1)[0]
    _, found, rest = text.partition(f"\n{heading}\n")
    assert found, f"there is no “{heading}”"
    return re.split(rf"\n#{{1,{len(rank)}}} ", rest)[0]


def table(text: str) -> list[list[str]]:
    """The cells of every table row, without heads and rules."""
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in row] for row in rows]
    return [
        row for i, row in enumerate(cells) if not set("".join(row)) <= set("-: ") and not _is_head(cells, i)
    ]


def _is_head(cells: list[list[str]], index: int) -> bool:
    return index + 1 < len(cells) and set("".join(cells[index + 1])) <= set("-: ")


def code(cell: str) -> str:
    found = re.match(r"`([^`]+)`", cell)
    return found[1] if found else ""


# Refusals.


def test_every_reason_is_in_the_reference_with_its_status_and_nothing_else_is() -> None:
    rows = table(section(text_of("refusals.md"), "## Reasons"))
    assert {code(row[0]): int(row[1]) for row in rows} == {
        str(reason): STATUS.get(reason, 403) for reason in Reason
    }


def test_every_reason_says_when_whether_to_retry_and_what_to_do() -> None:
    for row in table(section(text_of("refusals.md"), "## Reasons")):
        _, _, retryable, when, do = row
        assert retryable in {"yes", "no", "varies"}
        assert when.endswith(".")
        assert do.endswith(".")


# Settings.


def settings_of_the_code() -> set[str]:
    inner = {f"{part}.{field.name}" for part, made in PARTS.items() for field in fields(made)}
    outer = {field.name for field in fields(Settings)} - {"file"} - (PARTS.keys() - {"templates.NAME"})
    return inner | outer


def settings_of_the_reference() -> list[list[str]]:
    return [row for row in table(text_of("settings.md")) if len(row) == 5]


def test_every_setting_is_in_the_reference_and_nothing_else_is() -> None:
    named = [code(row[0]) for row in settings_of_the_reference()]
    assert len(named) == len(set(named))
    assert set(named) == settings_of_the_code()


def test_every_setting_is_explained() -> None:
    text = text_of("settings.md")
    named = {code(row[0]) for row in settings_of_the_reference()}
    explained = {
        name
        for line in re.findall(r"^(`.+)\n: ", text, re.MULTILINE)
        for name in re.findall(r"`([^`]+)`", line)
    }
    plain = {"policy", "entities", "pages_tls.key", "templates.NAME.mode", "templates.NAME.vars"}
    assert named - plain - {"pages_tls.certificate"} <= explained | {"pages_tls"}
    assert explained <= named | {"pages_tls"}


@pytest.mark.parametrize("row", settings_of_the_reference(), ids=lambda row: code(row[0]))
def test_the_default_of_a_setting_is_what_the_reference_says(row: list[str], tmp_path: Path) -> None:
    name, default, variable = code(row[0]), code(row[2]), code(row[3])
    assert bool(default) != (row[2] == "none")
    empty = settings(tmp_path, "")
    if default:
        assert settings(tmp_path, as_yaml(name.replace("NAME", "playground"), default)) == empty
    if not variable:
        assert name.startswith("templates.")
        return
    assert variable == f"SECONDSIG_{name.replace('.', '_').upper()}"
    if default:
        assert settings(tmp_path, "", {variable: default}) == empty


def test_the_variables_that_are_no_settings_are_named() -> None:
    rows = table(section(text_of("settings.md"), "## Only from the environment"))
    assert {code(row[0]) for row in rows} <= NOT_SETTINGS


def settings(folder: Path, text: str, environment: dict[str, str] | None = None) -> Settings:
    path = folder / "secondsig.yaml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path, environment or {})


def as_yaml(name: str, value: str) -> str:
    *above, last = name.split(".")
    lines = [f"{'  ' * depth}{part}:\n" for depth, part in enumerate(above)]
    return "".join(lines) + f"{'  ' * len(above)}{last}: {value}\n"


# Commands.


def commands(
    parser: argparse.ArgumentParser, above: str = ""
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command that runs, by its full name."""
    inner = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not inner:
        yield above, parser
    for action in inner:
        for name, child in action.choices.items():
            yield from commands(child, f"{above} {name}".strip())


COMMANDS = dict(commands(build_parser("0")))


def test_every_command_is_in_the_reference_and_nothing_else_is() -> None:
    headings = re.findall(r"^### secondsig (.+)$", text_of("commands.md"), re.MULTILINE)
    assert len(headings) == len(set(headings))
    assert set(headings) == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_options_of_a_command_are_those_of_the_reference(name: str) -> None:
    said = section(text_of("commands.md"), f"### secondsig {name}")
    options = {option for action in COMMANDS[name]._actions for option in action.option_strings}
    options = {option for option in options if option.startswith("--")} - EVERYWHERE
    # An option of another program, or of another command, is quoted with what it belongs to.
    described = {code(row[0]).split(" ")[0] for row in table(said)}
    assert {word for word in described if word.startswith("--") and word != "--"} == options
    for action in COMMANDS[name]._actions:
        if not action.option_strings:
            assert str(action.metavar).removeprefix("-- ") in said


def shell_commands() -> list[tuple[str, str]]:
    """Every `secondsig …` that a page tells the reader to type."""
    found = []
    for page in GUIDES:
        for block in re.findall(r"```(?:sh|console)\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            joined = block.replace("\\\n", " ")
            for line in joined.splitlines():
                bare = re.sub(r"^\$ ", "", line.strip())
                if bare.startswith(("secondsig ", ".venv/bin/secondsig ")):
                    found.append((page.relative_to(ROOT).as_posix(), bare))
    return found


@pytest.mark.parametrize(("page", "line"), shell_commands(), ids=str)
def test_a_command_that_a_page_shows_is_one_that_exists(page: str, line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    arguments = build_parser("0").parse_args(words)
    assert hasattr(arguments, "run"), f"{page}: {line}"


def test_the_pages_show_commands_at_all() -> None:
    assert {page for page, _ in shell_commands()} >= {"README.md", "docs/guides/operators.md"}


# Rows.


def test_every_kind_of_row_is_in_the_reference_and_nothing_else_is() -> None:
    assert [code(row[0]) for row in table(section(text_of("rows.md"), "## Kinds"))] == [*map(str, Kind)]


def test_every_column_is_in_the_reference_and_nothing_else_is() -> None:
    assert tuple(code(row[0]) for row in table(section(text_of("rows.md"), "## Columns"))) == COLUMNS
    assert set(COLUMNS) - FILTERABLE == {"detail", "config_digest"}


# The pages themselves.


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_relative_links_lead_somewhere(page: Path) -> None:
    for target in links(page):
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{page}: {target} leads nowhere"
        if anchor:
            assert anchor in anchors(found), f"{page}: {target} has no such heading"


def links(page: Path) -> list[str]:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    found = re.findall(r"\]\(([^)\s]+)\)", text)
    return [target for target in found if not re.match(r"[a-z]+:", target)]


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    # The ids of actions look like paths: /anthropic/work/stop.
    "page",
    [page for page in PAGES if page.parent.name != "services"],
    ids=lambda page: page.relative_to(ROOT).as_posix(),
)
def test_a_page_names_no_path_of_the_machine_it_was_written_on(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"/(?:work|root|tmp|home/\w+)/", text)


@pytest.mark.parametrize(
    "what",
    [
        "A gateway that lies.",
        "Another way out.",
        "The same account.",
        "Local actions.",
        "Synced passkeys.",
    ],
)
def test_the_readme_says_what_is_not_guaranteed(what: str) -> None:
    said = section((ROOT / "README.md").read_text(encoding="utf-8"), "## What it does not guarantee")
    assert f"**{what}**" in said


def test_the_page_about_layers_names_every_module_in_its_layer() -> None:
    tree = ast.parse((ROOT / "tests" / "test_layers.py").read_text(encoding="utf-8"))
    levels = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "LEVELS"
    )
    said = section(
        (DOCS / "decisions" / "0001-layout-and-layers.md").read_text(encoding="utf-8"), "## Decision"
    )
    items = re.split(r"^\d\. ", said.partition("\n\n")[2].partition("\nWhere")[0], flags=re.MULTILINE)[1:]
    named = [set(re.findall(r"`(\w+)(?:\.py|/)`", item)) for item in items]
    assert named == [set(names) for _, names in levels]


def test_every_guide_and_reference_can_be_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    waiting: list[Any] = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        near = [(page.parent / link.partition("#")[0]).resolve() for link in links(page) if link[0] != "#"]
        waiting.extend(other for other in near if other.suffix == ".md" and other.is_file())
    assert set(DOCS.rglob("*.md")) <= reached
