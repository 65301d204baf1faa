"""An envelope gives its request back, as far as it was shown to people."""

from dataclasses import replace
from pathlib import Path

from gateway.authoring.held import HIDDEN, held_request
from gateway.decoded import decode
from gateway.model import Decision, Effect
from gateway.questions import Digests, Entropy, names_of, new_envelope, unpack
from gateway.settings import Settings
from gateway.store.things import Agent
from tests.kit.clocks import START
from tests.kit.things import ENVELOPE, GATEWAY, KEYS, OBSERVED, RISK, RP_ID, a_mapped, a_request, a_unit


def test_the_request_comes_back_without_its_secrets() -> None:
    asked = a_request()
    headers = (*asked.headers, ("Idempotency-Key", "k1"), ("X-Customer", "kim"))
    request = replace(asked, headers=headers)
    unit = a_unit(redact=("header:X-Customer",))
    unit = replace(unit, bind=replace(unit.bind, volatile=("header:Idempotency-Key",)))
    nowhere = Path("nowhere")
    settings = Settings(nowhere, nowhere, nowhere, nowhere)
    mapped = a_mapped(unit)
    envelope = new_envelope(
        request,
        mapped,
        Decision(Effect.STEP_UP, quorum=1),
        names_of(request, mapped, decode(request, "json"), settings, KEYS),
        RISK,
        OBSERVED,
        agent=Agent("ci-bot", None, None, paused=False, created_at=START),
        gateway=GATEWAY,
        rp_id=RP_ID,
        settings=settings,
        digests=Digests("p", "c"),
        keys=KEYS,
        entropy=Entropy(ENVELOPE, b"\x01" * 16, b"\x02" * 16, "s"),
        now=START,
    )
    assert envelope.sealed
    held = held_request(ENVELOPE, unpack(KEYS.unseal(ENVELOPE, envelope.sealed)))
    again = held.request
    assert (again.method, again.url, again.body) == (request.method, request.url, request.body)
    assert again.caller.agent == "ci-bot"
    assert again.header("content-type") == ("application/json",)
    assert again.header("authorization") == (HIDDEN,)
    assert again.header("x-customer") == ("kim",)
    assert again.header("idempotency-key") == ()
    assert held.origin == f"the envelope {ENVELOPE}"
    assert any("Authorization" in note for note in held.notes)
    assert any("Idempotency-Key" in note for note in held.notes)
