from pathlib import Path

import pytest

from gateway.authoring.scenes import MADE_UP, Known, configured_scene, places_of, shipped_scene
from gateway.config import load_settings
from gateway.errors import Place, UsageError
from gateway.model import ServiceMode
from gateway.policy import AgentFacts
from tests.gateway.authoring.conftest import MakeScene
from tests.kit.clocks import START
from tests.kit.things import a_request


def test_an_agent_that_no_gateway_knows_is_refused_by_name(config: Path) -> None:
    settings = load_settings(config, {})
    known = Known((AgentFacts("ci-bot"), AgentFacts("other")))
    with pytest.raises(UsageError, match=r"There is no agent nobody\. Known are: ci-bot, other\."):
        configured_scene(settings, "nobody", known, START)
    with pytest.raises(UsageError, match="None was added yet"):
        configured_scene(settings, "nobody", Known(), START)


def test_without_a_name_a_made_up_agent_asks(config: Path) -> None:
    scene = configured_scene(
        load_settings(config, {}), None, Known((AgentFacts("ci-bot", "platform"),)), START
    )
    assert (scene.agent, scene.made_up) == (AgentFacts(MADE_UP), True)


def test_a_gateway_that_never_ran_knows_nobody_and_takes_any_name(config: Path) -> None:
    scene = configured_scene(load_settings(config, {}), "ci-bot", None, START)
    assert (scene.agent.name, scene.made_up, scene.people) == ("ci-bot", True, None)


@pytest.mark.whole
def test_of_what_ships_only_the_services_in_question_are_read() -> None:
    scene = shipped_scene([a_request(host="api.stripe.com")], None, START)
    assert "stripe" in scene.library.services
    assert "github" not in scene.library.services
    both = shipped_scene([a_request(host="api.stripe.com"), a_request(host="nowhere.test")], None, START)
    assert {"stripe", "github"} <= both.library.services.keys()
    assert scene.mode("stripe") is ServiceMode.ENFORCE
    assert scene.policy_places["payment-needs-a-person"].line


def test_trusted_hosts_pass(a_scene: MakeScene) -> None:
    assert a_scene().lets_through("trusted.test")
    assert not a_scene().lets_through("other.test")


def test_policies_are_found_by_their_id() -> None:
    text = '// a\n@id("one") permit(x);\n\n@id( "two" )\nforbid(x);'
    assert places_of(text, "p.cedar") == {"one": Place("p.cedar", 2), "two": Place("p.cedar", 4)}
