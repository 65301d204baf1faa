"""The routes of registered programs: no cookie, no session; what they sign is what they may."""

import re
from collections.abc import Callable, Mapping

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.desk.contract import Desk, DeskError, ProgramAnswer
from gateway.encoding import from_b64u
from gateway.web.answers import json_answer
from gateway.web.incoming import bad, query, read_body
from gateway.web.security import PROGRAMS, sole

ENVELOPE = PROGRAMS + "envelopes/{id:env_[0-9A-Za-z]{16,40}}"
NAME = re.compile(r"[0-9A-Za-z._-]{1,64}")
NAME_LENGTH, CHALLENGE_ID, SIGNATURE, VERB, WORDS = 64, 128, 256, 16, 280
SAYS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "deny": ((), ("note",)),
    "route": (("group",), ()),
    "delegate": ((), ()),
}
"""What each verb has to say beside its signature, and what it may say."""


class ProgramRoutes:
    """`not_too_often` refuses an address that asks too much."""

    def __init__(self, desk: Desk, not_too_often: Callable[[web.Request], None]) -> None:
        self._desk, self._not_too_often = desk, not_too_often

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post(f"{PROGRAMS}challenge", self._challenge),
            web.get(f"{PROGRAMS}envelopes", self._waiting, allow_head=False),
            *(web.post(f"{ENVELOPE}/{verb}", self._acts(verb)) for verb in SAYS),
        ]

    async def _challenge(self, request: web.Request) -> web.StreamResponse:
        self._not_too_often(request)
        body = await read_body(request, "program", "verb")
        name, verb = _name(body.text("program", 64)), body.text("verb", VERB)
        return json_answer(await self._desk.program_challenge(name, verb))

    async def _waiting(self, request: web.Request) -> web.StreamResponse:
        """What is signed stands in headers: a GET has no body, and an address is written down."""
        query(request)
        shown = [sole(request, f"Secondsig-{part}") for part in ("Program", "Challenge", "Signature")]
        if not all(shown):
            raise DeskError(
                401, "not_signed", "Sign a nonce first, and say who you are in Secondsig-Program."
            )
        name, challenge_id, signature = (value or "" for value in shown)
        answer = ProgramAnswer(_name(name), challenge_id[:CHALLENGE_ID], _signature(signature))
        return json_answer(await self._desk.program_envelopes(answer))

    def _acts(self, verb: str) -> Handler:
        required, optional = SAYS[verb]

        async def act(request: web.Request) -> web.StreamResponse:
            names = ("program", "challenge_id", "signature", *required)
            body = await read_body(request, *names, optional=optional)
            answer = ProgramAnswer(
                _name(body.text("program", NAME_LENGTH)),
                body.text("challenge_id", CHALLENGE_ID),
                _signature(body.text("signature", SIGNATURE)),
            )
            told = [name for name in (*required, *optional) if name in body.members]
            said = {name: body.text(name, WORDS) for name in told}
            return json_answer(await self._desk.program_act(answer, verb, request.match_info["id"], said))

        return act


def _name(text: str) -> str:
    if not NAME.fullmatch(text):
        raise DeskError(403, "unknown_program", "No such program is registered here.")
    return text


def _signature(text: str) -> bytes:
    try:
        return from_b64u(text[:SIGNATURE])
    except ValueError:
        raise bad("signature has to be base64url.") from None
