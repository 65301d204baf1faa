import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.demo.person import Refused, SoftPerson
from gateway.errors import SecondsigError
from tests.kit.inprocess import inside


async def test_enrols_signs_out_and_signs_in_again(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        assert (await house.person.call("GET", "me"))["person"]["name"] == "Mika"
        await house.person.call("POST", "logout", {})
        with pytest.raises(Refused, match="401"):
            await house.person.call("GET", "me")
        await house.person.sign_in()
        assert (await house.person.call("GET", "me"))["person"]["groups"] == ["administrators", "approvers"]


async def test_an_enrolment_link_works_once(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        second = SoftPerson(house.service.settings.origin, "Eve")
        with pytest.raises(Refused, match="link_used"):
            await second.enrol(f"{house.service.settings.origin}/enrol#guess")
        await second.close()


async def test_does_not_sign_a_payload_that_the_challenge_does_not_bind(tmp_path: Path, monkeypatch) -> None:
    async with inside(tmp_path) as house:
        sending = asyncio.create_task(
            house.agent().send(
                "POST", "https://upstream.test/orders/a1", b"{}", {"Content-Type": "application/json"}
            )
        )
        (envelope,) = await house.held()
        honest = house.person.call

        async def lying(method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
            said = await honest(method, path, body)
            if path.endswith("/sign"):
                said["payload"] = said["payload"][:-4] + "AAAA"
            return said

        monkeypatch.setattr(house.person, "call", lying)
        with pytest.raises((SecondsigError, ValueError)):
            await house.person.approve(envelope)
        await house.life_ends(envelope)
        assert json.loads((await sending).body)["reason"] == "approval_timeout"
