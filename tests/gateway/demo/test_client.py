from pathlib import Path

import pytest

from gateway.demo.client import Agent
from tests.kit.inprocess import inside


async def test_speaks_through_the_proxy_and_gives_refusals_as_answers(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        read = await house.agent().send("GET", "https://upstream.test/orders/a1", headers={"X-A": "b"})
        assert (read.status, read.headers["X-Upstream"]) == (201, "real")
        refused = await house.agent().send("GET", "https://nowhere.test/")
        assert refused.status == 403
        assert b"destination_refused" in refused.body


async def test_trusts_only_the_bundle_it_was_given(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        stranger = Agent(house.tokens["ci-bot"], house.upstream.ca_file, 5)
        with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
            await stranger.send("GET", "https://upstream.test/orders/a1")


async def test_a_wrong_token_gets_no_passage(tmp_path: Path) -> None:
    async with inside(tmp_path) as house:
        proxy = house.tokens["ci-bot"].replace("ssig_", "ssig_x")
        stranger = Agent(proxy, house.service.paths.bundle, 5)
        with pytest.raises(OSError, match="407"):
            await stranger.send("GET", "https://upstream.test/orders/a1")
        assert sum(house.upstream.calls.values()) == 0
