import json

import pytest

from gateway.authoring.schema import template_schema
from gateway.cli.main import main


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_the_schema_is_printed_as_json(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["template", "schema", *flags]) == 0
    assert json.loads(capsys.readouterr().out) == template_schema()
