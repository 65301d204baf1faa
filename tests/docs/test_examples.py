"""What the guides show works: the template passes its examples, policy and settings are accepted."""

import re
from pathlib import Path

import pytest

from gateway.config import load_settings
from gateway.installation import install
from gateway.loading import read_rules, shipped_templates
from gateway.model import Risk
from gateway.policy import AgentFacts, Policy
from gateway.templates import Library

ROOT = Path(__file__).parents[2]
GUIDES = ROOT / "docs" / "guides"


def blocks(name: str, language: str) -> list[str]:
    text = (GUIDES / name).read_text(encoding="utf-8")
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    return found


@pytest.fixture
def library(tmp_path: Path) -> Library:
    (template,) = blocks("template-authors.md", "yaml")
    file = tmp_path / "tea.yaml"
    file.write_text(template, encoding="utf-8")
    return Library.load([file])


def test_the_template_of_the_guide_does_what_its_examples_say(library: Library) -> None:
    results = library.examples()
    assert len(results) == 2
    assert all(result.ok for result in results)


def test_the_policy_and_the_limits_of_the_guide_fit_its_template(library: Library) -> None:
    (policy,) = blocks("template-authors.md", "cedar")
    (entities,) = blocks("template-authors.md", "json")
    loaded = Policy.load(
        policy,
        "policy.cedar",
        entities,
        "entities.json",
        library.cedar_schema(),
        [AgentFacts("ci-bot", "platform", None)],
        [],
    )
    assert loaded.digest


@pytest.mark.parametrize("text", blocks("operators.md", "yaml"))
def test_the_settings_of_the_operators_guide_are_accepted(text: str, tmp_path: Path) -> None:
    path = tmp_path / "secondsig.yaml"
    path.write_text(text, encoding="utf-8")
    assert load_settings(path, {}) != load_settings(_empty(tmp_path), {})


def test_the_limits_of_the_operators_guide_fit_what_init_writes_with_agentkeys(tmp_path: Path) -> None:
    made = load_settings(install(tmp_path, variation="agentkeys"), {})
    (entities,) = [block for block in blocks("operators.md", "json") if "vendor" in block]
    made.entities.write_text(entities, encoding="utf-8")
    assert read_rules(made).policy.digest


def _empty(folder: Path) -> Path:
    path = folder / "empty.yaml"
    path.write_text("", encoding="utf-8")
    return path


def test_the_overlay_of_the_operators_guide_tightens_the_template_that_ships(tmp_path: Path) -> None:
    (text,) = [block for block in blocks("operators.md", "text") if block.startswith("overlay:")]
    file = tmp_path / "stripe.yaml"
    file.write_text(text, encoding="utf-8")
    library = Library.load([shipped_templates()["stripe"]], {}, {"stripe": [file]})
    assert library.loosened() == ()
    actions = {action.id: action for action in library.actions()}
    assert actions["/stripe/payout/create"].risk is Risk.FORBID
