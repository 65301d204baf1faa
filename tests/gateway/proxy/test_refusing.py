import json

from mitmproxy.test import tflow

from gateway.errors import Reason, Refusal
from gateway.gate import Answer
from gateway.proxy.exchange import begin
from gateway.proxy.refusing import SEND_A_TOKEN, Refuser, unavailable
from tests.gateway.proxy.harness import FakeGate


def test_a_refusal_is_recorded_with_where_and_what():
    gate, flow = FakeGate(), tflow.tflow()
    exchange = begin(flow, inside=True)
    exchange.host, exchange.port = "api.test", 443
    response = Refuser(gate).response(Refusal(Reason.POLICY_DENIED, "no"), flow)
    assert response.status_code == 403
    assert response.headers["secondsig-gateway"] == "gw_test"
    assert response.headers["content-length"] == str(len(response.raw_content or b""))
    assert [(where, line) for _, _, where, line in gate.refusals] == [("api.test:443", "GET /path")]


def test_a_gate_that_cannot_record_still_refuses():
    gate = FakeGate(faults={"refused"})
    response = Refuser(gate).response(unavailable())
    assert response.status_code == 503
    assert json.loads(response.raw_content or b"")["reason"] == "gateway_unavailable"


def test_an_unknown_agent_is_told_how_to_name_itself():
    response = Refuser(FakeGate()).response(Refusal(Reason.UNAUTHENTICATED_AGENT, "who?"))
    assert response.status_code == 407
    assert response.headers["proxy-authenticate"] == 'Basic realm="secondsig"'
    assert response.reason == SEND_A_TOKEN


class Polite(FakeGate):
    def refused(self, *_: object) -> Answer:
        return Answer(407, (("PROXY-Authenticate", "Basic"),), b"", "My words")


def test_the_gates_own_challenge_and_phrase_stay():
    response = Refuser(Polite()).response(unavailable())
    assert response.headers.get_all("proxy-authenticate") == ["Basic"]
    assert response.reason == "My words"
