from pathlib import Path
from typing import Any

import pytest

from gateway import __version__
from gateway.web.app import build_app
from gateway.web.openapi import describe
from tests.gateway.web.fake_desk import (
    BODIES,
    ENVELOPE,
    GRANT,
    LENT,
    PUSHED,
    SIGNED_IN,
    Browser,
    FakeDesk,
)

OPERATIONS = [
    (method, path, operation)
    for path, item in describe("0")["paths"].items()
    for method, operation in item.items()
    if method in {"get", "post"}
]


def filled(path: str) -> str:
    """With names in the places of its parameters."""
    names = {
        "{id}": ENVELOPE,
        "{name}": "ci-bot",
        "{grant}": GRANT,
        "{delegation}": LENT,
        "{subscription}": PUSHED,
        "{session}": SIGNED_IN,
    }
    for parameter, name in names.items():
        path = path.replace(parameter, name)
    return path


def test_described_routes_are_the_routes_there_are(desk: FakeDesk, ui: Path):
    app = build_app(desk, ui=ui, origins=["http://localhost:8081"], https=False)
    served = {
        (route.method.lower(), resource.canonical)
        for resource in app.router.resources()
        for route in resource
        if route.method != "HEAD"
        and (resource.canonical.startswith("/api/") or resource.canonical.endswith(("z", "/metrics")))
    }
    assert served == {(method, path) for method, path, _ in OPERATIONS}


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS)
async def test_what_is_open_is_described_as_open(
    method: str, path: str, operation: dict[str, Any], browser: Browser
):
    address = filled(path)
    reply = await browser.send(method.upper(), address, BODIES.get(address), Cookie=None, Secondsig_Tab=None)
    assert reply.status == (200 if operation.get("security") == [] else 401)


@pytest.mark.parametrize(("method", "path", "operation"), [each for each in OPERATIONS if each[0] == "post"])
def test_described_bodies_are_the_bodies_taken(method: str, path: str, operation: dict[str, Any]):
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == set(BODIES[filled(path)])
    assert set(schema["required"]) == set(schema["properties"]) - {"note", "agent"}


def test_every_reference_leads_somewhere():
    document = describe("0")

    def references(node: object) -> list[str]:
        if isinstance(node, dict):
            own = [str(node["$ref"])] if "$ref" in node else []
            return own + [found for value in node.values() for found in references(value)]
        return [found for value in node for found in references(value)] if isinstance(node, list) else []

    names = {reference.removeprefix("#/components/schemas/") for reference in references(document)}
    assert names == set(document["components"]["schemas"])


async def test_document_is_served_with_its_version(browser: Browser):
    reply = await browser.get("/api/v1/openapi.json")
    assert reply.json == describe(__version__)
    assert reply.json["openapi"] == "3.1.0"
