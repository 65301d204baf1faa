"""`secondsig template import` on the command line."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import operator
from gateway.cli.main import main
from gateway.config import load_settings
from gateway.demo.client import Agent
from gateway.demo.person import SoftPerson
from gateway.installation import install
from gateway.playground_tls import HOST
from gateway.service import Service
from gateway.templates import Library

DESCRIPTION = {
    "swagger": "2.0",
    "info": {"title": "Tea shop"},
    "host": "api.tea.example",
    "paths": {
        "/orders/{id}": {"delete": {"operationId": "deleteOrder"}},
        "/a//b": {"get": {"operationId": "odd"}},
    },
}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SECONDSIG_HOME", str(tmp_path / "home"))
    (tmp_path / "api.json").write_text(json.dumps(DESCRIPTION))


type Told = pytest.CaptureFixture[str]


def run(*words: str) -> int:
    return main(["template", "import", *words])


def examples_pass(file: str) -> bool:
    results = Library.load([Path(file)]).examples()
    return bool(results) and all(result.ok for result in results)


def test_a_draft_goes_to_a_new_file_and_passes_its_own_tests(capsys: Told) -> None:
    assert run("openapi", "api.json", "--out", "tea.yaml") == 0
    assert "Drafted 1 actions into tea.yaml; left out 1." in capsys.readouterr().err
    assert main(["template", "test", "tea.yaml"]) == 0
    assert examples_pass("tea.yaml")


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path, capsys: Told) -> None:
    (tmp_path / "tea.yaml").write_text("mine")
    assert run("openapi", "api.json", "--out", "tea.yaml") == 1
    assert "tea.yaml is there already" in capsys.readouterr().err
    assert (tmp_path / "tea.yaml").read_text() == "mine"


def test_without_a_file_the_draft_is_printed(tmp_path: Path, capsys: Told) -> None:
    assert run("openapi", "api.json", "--service", "tea", "--namespace", "Shop") == 0
    told = capsys.readouterr()
    (tmp_path / "t.yaml").write_text(told.out)
    assert examples_pass("t.yaml")
    assert "service: tea\nnamespace: Shop\n" in told.out


def test_machines_get_the_draft_and_what_was_left_out(capsys: Told) -> None:
    assert run("openapi", "api.json", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["file"], told["actions"], len(told["left_out"])) == (None, 1, 1)
    assert told["template"].startswith("# A draft")
    assert run("openapi", "api.json", "--json", "--out", "tea.yaml") == 0
    assert "template" not in json.loads(capsys.readouterr().out)


def recording(folder: Path, *urls: str) -> str:
    entries = [{"request": {"method": "POST", "url": url}} for url in urls]
    (folder / "shop.har").write_text(json.dumps({"log": {"entries": entries}}))
    return "shop.har"


def test_a_recording_is_about_its_busiest_host_or_the_one_asked_for(tmp_path: Path, capsys: Told) -> None:
    file = recording(tmp_path, "https://a.example/x/1", "https://b.example:8443/y", "https://a.example/x/2")
    assert run("har", file) == 0
    told = capsys.readouterr()
    assert "Drafting https://a.example; also seen: b.example:8443 (choose with --host)." in told.err
    assert 'hosts: ["a.example"]' in told.out
    assert told.out.count("- id:") == 1
    assert run("har", file, "--host", "b.example:8443") == 0
    assert 'hosts: ["b.example:8443"]' in capsys.readouterr().out
    assert run("har", file, "--host", "c.example") == 1
    assert "seen were: a.example, b.example:8443" in capsys.readouterr().err


WAITED = [
    {
        "action": "/tea/unmatched/write",
        "summary": [{"value": "POST"}, {"text": " "}, {"value": f"api.tea.example/v1/orders/{n}"}],
    }
    for n in (1, 2)
]


def test_what_went_unmatched_is_drafted_from_a_saved_list(tmp_path: Path, capsys: Told) -> None:
    (tmp_path / "list.json").write_text(json.dumps({"envelopes": WAITED}))
    assert run("recorded", "list.json", "--service", "tea", "--out", "tea.yaml") == 0
    assert examples_pass("tea.yaml")
    assert 'path: "/v1/orders/{order_id}"' in Path("tea.yaml").read_text()
    (tmp_path / "list.json").write_text("no json")
    assert run("recorded", "list.json") == 1
    assert "is not JSON" in capsys.readouterr().err
    (tmp_path / "list.json").write_text("[]")
    assert run("recorded", "list.json") == 1
    assert "No unmatched request" in capsys.readouterr().err


def test_what_went_unmatched_is_asked_of_the_gateway(monkeypatch: pytest.MonkeyPatch, capsys: Told) -> None:
    asked: list[Any] = []

    def operate(arguments: Any, command: str, **given: Any) -> Any:
        asked.append((command, given))
        return {"envelopes": WAITED}

    monkeypatch.setattr(operator, "operate", operate)
    assert run("recorded", "api.tea.example") == 0
    assert asked == [("envelope_list", {"everything": True})]
    assert "api.tea.example" in capsys.readouterr().out
    assert run("recorded", "other.example") == 1
    assert run("recorded") == 0


async def test_a_request_that_no_template_names_and_a_person_is_asked_about_can_be_drafted(
    tmp_path: Path, capsys: Told
) -> None:
    config = install(tmp_path / "home", proxy="127.0.0.1:0", pages="localhost:0")
    service = Service(load_settings(config, {}))
    await service.start()
    person = SoftPerson(service.settings.origin, "Mika")
    try:
        await person.enrol((await service.operating.approver_invite())["url"])
        added = await service.operating.agent_add("ci-bot", owner="Mika")
        agent = Agent(added["proxy"], service.paths.bundle, timeout=20)
        sent = asyncio.create_task(agent.send("POST", f"https://{HOST}/v1/loans/77/repay", b"{}"))
        while not (await service.operating.envelope_list())["envelopes"]:
            assert not sent.done(), sent.result()
            await asyncio.sleep(0.05)
        assert await asyncio.to_thread(run, "recorded", HOST, "--config", str(config)) == 0
        assert f"hosts: [{json.dumps(HOST)}]" in (told := capsys.readouterr().out)
        assert 'match: {method: POST, path: "/v1/loans/{loan_id}/repay"}' in told
        await service.operating.stop_all()
        await sent
    finally:
        await person.close()
        await service.stop()


def test_what_is_not_there_cannot_be_imported(capsys: Told) -> None:
    assert run("openapi", "nowhere.json") == 1
    assert run("har") == 1
    assert capsys.readouterr().err.count("There is no file") == 2


def test_a_description_of_nothing_that_can_be_drafted_is_refused(tmp_path: Path, capsys: Told) -> None:
    (tmp_path / "api.json").write_text(
        json.dumps({**DESCRIPTION, "paths": {"/a//b": {"get": {"operationId": "x"}}}})
    )
    assert run("openapi", "api.json") == 1
    assert "Nothing could be drafted" in capsys.readouterr().err
