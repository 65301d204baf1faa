"""`secondsig template coverage` on the command line."""

import json
from pathlib import Path

import pytest

from gateway.cli.main import main
from gateway.loading import shipped_templates

PLAYGROUND = """# The playground
GET\t/v1/accounts\tlistAccounts
DELETE\t/v1/accounts/{account}\tdeleteAccount
POST\t/v1/payments\tpay
PUT\t/v1/files/{path}\twriteFile
"""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SECONDSIG_HOME", str(tmp_path / "home"))
    (tmp_path / "playground.tsv").write_text(PLAYGROUND)


type Told = pytest.CaptureFixture[str]


def run(*words: str) -> int:
    return main(["template", "coverage", *words])


def test_a_template_that_names_all_that_changes_something_is_enough(capsys: Told) -> None:
    assert run("--operations", "playground.tsv", "--service", "playground") == 0
    out = capsys.readouterr().out
    assert "mutating    3        0         0          0        0        3    100 %" in out
    assert "/v1/accounts" not in out
    assert run("--operations", "playground.tsv", "--service", "playground", "--all") == 0
    assert "/playground/account/delete" in capsys.readouterr().out


def test_one_operation_that_is_not_named_is_too_few_and_is_listed(tmp_path: Path, capsys: Told) -> None:
    (tmp_path / "playground.tsv").write_text(PLAYGROUND + "POST\t/v1/loans\tlend\nGET\t/v1/loans\tlist\n")
    file = str(shipped_templates()["playground"])
    assert run("--operations", "playground.tsv", file) == 1
    out = capsys.readouterr().out
    assert "unmatched  POST    /v1/loans" in out
    assert run("--operations", "playground.tsv", file, "--min-mutating", "75") == 0
    assert run("--operations", "playground.tsv", file, "--min-mutating", "75", "--min-reads", "51") == 1


def test_machines_get_every_operation_and_the_totals(capsys: Told) -> None:
    assert run("--operations", "playground.tsv", "--service", "playground", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["enough"] is True
    assert told["mutating"]["named"] == 3
    assert told["mutating"]["groups"]["payment"] == 1
    assert [each["action"] for each in told["operations"]][1] == "/playground/account/delete"


def test_a_word_captured_by_accident_is_listed_with_both(tmp_path: Path, capsys: Told) -> None:
    (tmp_path / "playground.tsv").write_text(PLAYGROUND + "DELETE\t/v1/accounts/all\tdeleteAll\n")
    assert run("--operations", "playground.tsv", "--service", "playground") == 1
    assert "captured by the path of deleteAccount" in capsys.readouterr().out


def test_a_description_says_by_itself_where_it_is(tmp_path: Path, capsys: Told) -> None:
    description = {
        "openapi": "3.1.0",
        "servers": [{"url": "https://playground.secondsig.internal/v1"}],
        "paths": {"/accounts/{a}": {"delete": {"operationId": "d"}, "patch": {"operationId": "p"}}},
    }
    (tmp_path / "api.json").write_text(json.dumps(description))
    (tmp_path / "secondsig.yaml").write_text("templates: {playground: , stripe: }\n")
    assert run("--openapi", "api.json", "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert [each["state"] for each in told["operations"]] == ["named", "fallback"]


def test_a_list_is_about_the_template_that_it_is_called_after(tmp_path: Path, capsys: Told) -> None:
    (tmp_path / "secondsig.yaml").write_text("templates: {playground: , stripe: }\n")
    assert run("--operations", "playground.tsv") == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Name a description"),
        (("--openapi", "nowhere.yaml"), "There is no file nowhere.yaml."),
        (("--operations", "playground.tsv", "nowhere.yaml"), "There is no file nowhere.yaml."),
        (("--operations", "other.tsv"), "say which template is meant"),
        (("--operations", "playground.tsv", "--service", "nothing"), "No template is called nothing."),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    words: tuple[str, ...], said: str, tmp_path: Path, capsys: Told
) -> None:
    (tmp_path / "secondsig.yaml").write_text("templates: {playground: , stripe: }\n")
    (tmp_path / "other.tsv").write_text(PLAYGROUND)
    assert run(*words) == 1
    assert said in capsys.readouterr().err
