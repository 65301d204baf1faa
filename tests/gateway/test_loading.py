from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import pytest

from gateway.config import load_settings
from gateway.directory import Directory
from gateway.errors import ConfigError, ConfigErrors
from gateway.facts import facts_of
from gateway.installation import install
from gateway.loading import files_in_force, load_library, load_rules, read_rules, shipped_templates, ui_folder
from gateway.model import Effect
from gateway.settings import Service, Settings
from tests.kit.things import a_caller, a_request


class Nobody:
    """A directory without anybody in it."""

    agents: Mapping[str, object] = MappingProxyType({})
    people: Mapping[str, object] = MappingProxyType({})


NOBODY = cast("Directory", Nobody())


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = load_settings(install(tmp_path), {})
    return replace(made, templates={"playground": Service()})


def test_the_templates_that_ship_are_found() -> None:
    shipped = shipped_templates()
    assert "playground" in shipped
    assert all(path.suffix == ".yaml" and path.stem == name for name, path in shipped.items())


def test_the_pages_are_there() -> None:
    assert (ui_folder() / "pages" / "approve.html").exists()


def test_the_starter_decides(settings: Settings) -> None:
    rules = load_rules(settings, NOBODY)
    request = a_request(
        host="playground.secondsig.internal",
        target="/v1/payments",
        body=b'{"amount":600,"currency":"jpy","to":"acct_tea"}',
        headers=(("Host", "playground.secondsig.internal"), ("Content-Type", "application/json")),
        caller=a_caller(),
    )
    from gateway.facts import facts_of

    mapped = rules.library.map(request)
    assert rules.policy.decide("ci-bot", mapped, facts_of(request, mapped, 1_800_000_000)).effect in {
        Effect.STEP_UP,
        Effect.DENY,
    }
    assert len(rules.digest) == 64


def test_a_template_that_nobody_wrote_is_named_with_a_suggestion(settings: Settings) -> None:
    wrong = replace(settings, templates={"playgruond": Service()})
    with pytest.raises(ConfigError, match=r'no template is called "playgruond".*"playground"'):
        load_library(wrong)


def test_an_operators_own_template_stands_for_the_one_that_ships(settings: Settings, tmp_path: Path) -> None:
    own = tmp_path / "mine" / "playground.yaml"
    own.parent.mkdir()
    own.write_bytes(shipped_templates()["playground"].read_bytes() + b"\n# mine\n")
    shipped = load_library(settings)
    mine = load_library(replace(settings, template_files=(own,)))
    assert mine.digest != shipped.digest
    assert set(mine.services) == set(shipped.services)


def test_a_template_file_counts_without_being_listed(settings: Settings, tmp_path: Path) -> None:
    own = tmp_path / "mine" / "playground.yaml"
    own.parent.mkdir()
    own.write_bytes(shipped_templates()["playground"].read_bytes())
    library = load_library(replace(settings, templates={}, template_files=(own,)))
    assert set(library.services) == {"playground"}


@pytest.mark.parametrize("which", ["policy", "entities"])
@pytest.mark.parametrize("damage", ["gone", "not text"])
def test_a_file_that_cannot_be_read_is_named_and_nothing_is_loaded(
    settings: Settings, which: str, damage: str
) -> None:
    path: Path = getattr(settings, which)
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="the file cannot be read") as error:
        load_rules(settings, NOBODY)
    assert str(path) in str(error.value)
    assert str(settings.file) in str(error.value)


def test_a_policy_with_a_misspelling_is_not_loaded(settings: Settings) -> None:
    settings.policy.write_text("permit (principal, action, resource) when { context.cosinger };")
    with pytest.raises((ConfigError, ConfigErrors)):
        load_rules(settings, NOBODY)


def test_a_changed_policy_has_another_digest(settings: Settings) -> None:
    before = load_rules(settings, NOBODY).digest
    assert load_rules(settings, NOBODY).digest == before
    settings.policy.write_text(settings.policy.read_text() + "\n// more\n")
    assert load_rules(settings, NOBODY).digest != before


def test_variables_reach_their_template_alone(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(
        "gateway.loading.Library.load", lambda files, variables, *_: seen.append((files, variables))
    )
    load_library(replace(settings, templates={"playground": Service(vars={"a": 1})}))
    load_library(settings)
    assert [variables for _, variables in seen] == [{"playground": {"a": 1}}, {}]


def test_an_overlay_that_is_named_takes_effect(settings: Settings, tmp_path: Path) -> None:
    over = tmp_path / "over.yaml"
    over.write_text("overlay: playground\nrequires: '>=1'\nunmatched: {write: forbid}\n", encoding="utf-8")
    before = load_rules(settings, NOBODY)
    overlaid = replace(settings, templates={"playground": Service(overlays=(over,))})
    after = load_rules(overlaid, NOBODY)
    assert before.digest != after.digest
    write = a_request(host="playground.secondsig.internal", target="/v1/nothing", body=b"")
    assert after.policy.decide("ci-bot", after.library.map(write), facts(write, after)).effect is Effect.DENY


def facts(request: Any, rules: Any) -> Any:
    return facts_of(request, rules.library.map(request), 1_800_000_000)


def test_every_file_that_decides_is_one_in_force(settings: Settings, tmp_path: Path) -> None:
    own, over = tmp_path / "shop.yaml", tmp_path / "over.yaml"
    templates = {"playground": Service(overlays=(over,)), "shop": Service()}
    named = set(files_in_force(replace(settings, templates=templates, template_files=(own,))))
    shipped = shipped_templates()["playground"]
    assert named == {settings.file, settings.policy, settings.entities, own, over, shipped}


def test_what_is_read_from_files_alone_knows_nobody(settings: Settings) -> None:
    rules = read_rules(settings)
    assert rules.digest == load_rules(settings, NOBODY).digest
    request = a_request(host="playground.secondsig.internal", method="GET", target="/v1/accounts", body=b"")
    decided = rules.policy.decide("ci-bot", rules.library.map(request), facts(request, rules))
    assert decided.effect is Effect.DENY
