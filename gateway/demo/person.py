"""A person without hands: speaks the pages' own API, and signs with a software passkey."""

import hashlib
import json
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from gateway.demo.authenticator import SoftPasskey
from gateway.encoding import from_b64u
from gateway.errors import SecondsigError


class Refused(SecondsigError):
    """The gateway said no to this person."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        self.status, self.body = status, body
        super().__init__(f"{status} {body.get('error')}: {body.get('detail')}")


class SoftPerson:
    """Enrols, signs in, approves and denies as the pages do, with every check that they make."""

    def __init__(self, origin: str, name: str) -> None:
        self.origin, self.name = origin, name
        self.passkey = SoftPasskey(urlsplit(origin).hostname or "localhost", origin)
        self._http = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        self._tab = ""

    async def close(self) -> None:
        await self._http.close()

    async def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        headers = {"Origin": self.origin, "Secondsig-Tab": self._tab}
        async with self._http.request(
            method, f"{self.origin}/api/v1/{path}", json=body, headers=headers
        ) as answer:
            said: dict[str, Any] = await answer.json()
            if answer.status >= 400:  # noqa: PLR2004  # where HTTP's refusals begin
                raise Refused(answer.status, said)
            return said

    async def enrol(self, link: str) -> dict[str, Any]:
        token = urlsplit(link).fragment
        begun = await self.call("POST", "enrol/begin", {"token": token, "name": self.name})
        credential = self.passkey.register(begun["options"])
        done = await self.call(
            "POST",
            "enrol/finish",
            {"challenge_id": begun["challenge_id"], "credential": credential, "token": token},
        )
        self._tab = done.get("tab", "")
        return done

    async def change(self, kind: str, asked: dict[str, Any]) -> dict[str, Any]:
        """Signs a change of the gateway that names this kind and hashes to its challenge."""
        begun = await self.call("POST", "changes/begin", {"kind": kind, "asked": asked})
        payload = from_b64u(begun["payload"])
        said = json.loads(payload)
        challenge = from_b64u(begun["options"]["challenge"])
        if challenge[32:] != hashlib.sha256(payload).digest() or said["kind"] != kind:
            raise SecondsigError("The gateway asked to sign something else than it shows.")
        credential = self.passkey.sign(begun["options"])
        return await self.call(
            "POST", "changes/finish", {"challenge_id": begun["challenge_id"], "credential": credential}
        )

    async def sign_in(self) -> None:
        begun = await self.call("POST", "login/begin", {})
        credential = self.passkey.sign(begun["options"])
        done = await self.call(
            "POST", "login/finish", {"challenge_id": begun["challenge_id"], "credential": credential}
        )
        self._tab = done["tab"]

    async def waiting(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = (await self.call("GET", "envelopes"))["waiting"]
        return rows

    async def approve(self, envelope: str) -> dict[str, Any]:
        """Signs only what names this envelope and hashes to its challenge."""
        asked = await self.call("POST", f"envelopes/{envelope}/sign", {})
        payload = from_b64u(asked["payload"])
        said = json.loads(payload)
        challenge = from_b64u(asked["options"]["challenge"])
        if challenge[32:] != hashlib.sha256(payload).digest() or said["envelope"] != envelope:
            raise SecondsigError("The gateway asked to sign something else than it shows.")
        for selector in _redacted(said):
            await self.call("POST", f"envelopes/{envelope}/reveal", {"selector": selector})
        credential = self.passkey.sign(asked["options"])
        done = await self.call(
            "POST",
            f"envelopes/{envelope}/approve",
            {"challenge_id": asked["challenge_id"], "credential": credential},
        )
        row: dict[str, Any] = done["row"]
        return row

    async def deny(self, envelope: str, note: str | None = None) -> dict[str, Any]:
        done = await self.call("POST", f"envelopes/{envelope}/deny", {"note": note})
        row: dict[str, Any] = done["row"]
        return row


def _redacted(payload: dict[str, Any]) -> list[str]:
    request = payload["request"]
    headers = [(f"header:{name.lower()}", field) for name, field in request["headers"]]
    fields = (*headers, *request.get("query", ()), *request["body"]["fields"])
    return [field["redacted"].get("id", leaf) for leaf, field in fields if "redacted" in field]
