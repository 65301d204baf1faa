import argparse
from collections.abc import Iterator
from importlib import import_module

import pytest

from gateway.cli.arguments import build_parser

PARSER = build_parser("1.2.3")


def commands(
    parser: argparse.ArgumentParser, path: tuple[str, ...] = ()
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command that does something, with its words."""
    nested = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if not nested and path:
        yield " ".join(path), parser
    for action in nested:
        for name, below in action.choices.items():
            yield from commands(below, (*path, name))


ALL = dict(commands(PARSER))


@pytest.mark.parametrize("name", ALL)
def test_every_command_exists_and_shows_an_example(name: str) -> None:
    module, _, function = str(ALL[name].get_default("run")).partition(":")
    assert callable(getattr(import_module(module), function))
    assert (ALL[name].epilog or "").startswith("Example: secondsig ")


@pytest.mark.parametrize("name", ALL)
def test_every_command_takes_a_configuration_and_answers_machines(name: str) -> None:
    needed = [a for a in ALL[name]._actions if not a.option_strings and a.nargs is None]
    given = [*name.split(), "--config", "c.yaml", "--json", *(next(iter(a.choices or "x")) for a in needed)]
    parsed = PARSER.parse_args(given)
    assert (parsed.config, parsed.json) == ("c.yaml", True)


def test_there_is_no_command_that_approves() -> None:
    assert not any("approve" in name.split() for name in ALL)
    assert {"approver invite", "approver list", "approver revoke"} <= set(ALL)


def test_the_contracts_commands_are_there() -> None:
    assert {
        "serve",
        "run",
        "demo",
        "init",
        "stop-all",
        "agent add",
        "agent list",
        "agent rotate",
        "agent pause",
        "agent revoke",
        "template test",
        "envelope list",
        "envelope show",
        "envelope deny",
        "envelope cancel",
        "audit list",
    } <= set(ALL)


def test_what_is_run_is_taken_as_it_is_with_its_own_options() -> None:
    parsed = PARSER.parse_args(["run", "--agent", "bot", "--", "curl", "--json", "-x", "--agent", "y"])
    assert parsed.agent == "bot"
    assert parsed.command[-5:] == ["curl", "--json", "-x", "--agent", "y"]
    assert PARSER.parse_args(["run", "--", "x"]).agent == "default"


def test_an_answer_for_the_agent_and_a_filter_are_passed_on() -> None:
    assert PARSER.parse_args(["envelope", "deny", "env_1", "--note", "No."]).note == "No."
    listed = PARSER.parse_args(["audit", "list", "--filter", "a:b", "--limit", "5", "--before", "9"])
    assert (listed.filter, listed.limit, listed.before) == ("a:b", 5, 9)


@pytest.mark.parametrize(
    "words",
    [["nonsense"], ["agent"], ["agent", "add"], ["audit", "list", "--limit", "many"], ["serve", "extra"]],
)
def test_arguments_that_do_not_fit_end_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        PARSER.parse_args(words)
    assert ended.value.code == 2
    assert "usage: secondsig" in capsys.readouterr().err


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        PARSER.parse_args(["--version"])
    assert capsys.readouterr().out == "secondsig 1.2.3\n"
