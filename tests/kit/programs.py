"""A program of a test's own: a key, its did:key, and true signatures over whatever a test wants."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.canonical import jcs
from gateway.desk.contract import ProgramAnswer
from gateway.encoding import from_b64u
from gateway.envelopes import Envelope
from gateway.program_keys import write_key
from gateway.questions import unpack
from gateway.store.things import Program, ProgramVerb
from gateway.store.writes import AddProgram
from tests.kit.things import GATEWAY, KEYS
from tests.kit.world import World


@dataclass
class SoftProgram:
    world: World
    name: str = "fraud"
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def did(self) -> str:
        return write_key(self.key.public_key())

    async def register(self, *verbs: ProgramVerb) -> "SoftProgram":
        program = Program(self.name, self.did, verbs, self.world.store.now())
        await self.world.store.apply(AddProgram(program))
        await self.world.directory.refresh()
        return self

    async def answer(self, verb: str, said: dict[str, Any]) -> ProgramAnswer:
        """A fresh nonce for this verb, and the signature over it and over what is said."""
        asked = await self.world.programs.challenge(self.name, verb)
        signed = from_b64u(asked["nonce"]) + hashlib.sha256(jcs(said)).digest()
        return ProgramAnswer(self.name, asked["challenge_id"], self.key.sign(signed))

    def payload(self, envelope: Envelope, verb: str, **more: str) -> dict[str, Any]:
        assert envelope.sealed is not None
        shared = unpack(KEYS.unseal(envelope.id, envelope.sealed)).shared
        return {**shared, **more, "decision": verb, "approver": self.name}

    async def act(self, envelope: Envelope, verb: str, **said: str) -> Envelope:
        answer = await self.answer(verb, self.payload(envelope, verb, **said))
        return await self.world.programs.act(answer, verb, envelope.id, said)

    async def list(self) -> list[dict[str, Any]]:
        said = {
            "type": "secondsig/program",
            "version": 1,
            "gateway": GATEWAY,
            "program": self.name,
            "verb": "list",
        }
        told = await self.world.programs.waiting(await self.answer("list", said))
        envelopes: list[dict[str, Any]] = told["envelopes"]
        return envelopes
