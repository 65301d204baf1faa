"""Completion, hover and checking in an editor: a real YAML language server reads the schema that we print."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.cli.main import main
from gateway.loading import shipped_templates
from tests.kit.language_server import SERVER, LanguageServer

pytestmark = pytest.mark.slow

TEMPLATE = """\
format: 1
service: tea
namespace: Tea
version: 1.0.0
hosts: [api.tea.test]
actions:
  - id: order/refund
    match: {method: POST, path: /v1/refunds}
    risk: step_up
    summary: Refund
"""


@pytest_asyncio.fixture
async def editor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> AsyncIterator[LanguageServer]:
    if not SERVER.exists():
        pytest.fail("The YAML language server is not installed; `sh tools/test_needs.sh` does it.")
    assert main(["template", "schema"]) == 0
    schema = tmp_path / "template.schema.json"
    schema.write_text(capsys.readouterr().out, encoding="utf-8")
    server = LanguageServer(tmp_path, schema.as_uri())
    await server.start()
    yield server
    await server.stop()


@pytest.mark.parametrize("name", ["docker", "git", "mcp", "npm", "playground"])
async def test_a_template_that_ships_is_right_in_an_editor(editor: LanguageServer, name: str) -> None:
    text = shipped_templates()[name].read_text(encoding="utf-8")
    assert await editor.open(f"{name}.yaml", text) == []


async def test_a_misspelt_key_and_a_wrong_word_are_marked_where_they_stand(editor: LanguageServer) -> None:
    text = TEMPLATE.replace("    risk: step_up", "    rsik: step_up").replace("POST, path", "post, path")
    found = await editor.open("wrong.yaml", text)
    marked = {(each["range"]["start"]["line"], each["range"]["start"]["character"]) for each in found}
    assert (8, 4) in marked, json.dumps(found, indent=1)
    assert (7, 20) in marked, json.dumps(found, indent=1)


async def test_what_is_missing_is_told(editor: LanguageServer) -> None:
    found = await editor.open("short.yaml", TEMPLATE.replace("    summary: Refund\n", ""))
    assert any("summary" in each["message"] for each in found)


async def test_keys_are_offered_where_they_may_stand(editor: LanguageServer) -> None:
    await editor.open("keys.yaml", TEMPLATE + "    \n")
    offered = await editor.complete("keys.yaml", 10, 4)
    assert {"approval", "redact", "secret", "undo", "groups"} <= set(offered)
    assert "hosts" not in offered


async def test_values_are_offered_too(editor: LanguageServer) -> None:
    await editor.open("values.yaml", TEMPLATE.replace("risk: step_up", "risk: "))
    assert {"low", "step_up", "forbid"} <= set(await editor.complete("values.yaml", 8, 10))


async def test_a_key_explains_itself_under_the_pointer(editor: LanguageServer) -> None:
    await editor.open("hover.yaml", TEMPLATE)
    assert "floor under the policy's decision" in await editor.hover("hover.yaml", 8, 6)


async def test_an_overlay_is_offered_what_overlays_have(editor: LanguageServer) -> None:
    text = 'overlay: tea\nrequires: ">=1 <2"\nactions:\n  - id: order/refund\n    risk: forbid\n    \n'
    assert await editor.open("over.yaml", text) == []
    assert "loosen" in await editor.complete("over.yaml", 5, 4)
