"""One person in a process of their own, who decides what they are told to decide: see `contending.py`."""

import asyncio
import json
import sys
from typing import Any

from cryptography.hazmat.primitives.serialization import load_pem_private_key

from gateway.demo.authenticator import SoftPasskey, decode
from gateway.demo.person import Refused, SoftPerson

AT_ONCE = 4


async def main() -> None:
    job = json.loads(sys.stdin.readline())
    person = person_of(job)
    await person.sign_in()
    say("ready")
    await asyncio.to_thread(sys.stdin.readline)
    turns = iter(job["turns"])
    said: list[dict[str, Any]] = []
    try:
        await asyncio.gather(*(work(person, turns, said) for _ in range(AT_ONCE)))
    finally:
        await person.close()
    say(json.dumps(said))


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def person_of(job: dict[str, Any]) -> SoftPerson:
    person = SoftPerson(job["origin"], job["person"])
    key: Any = load_pem_private_key(job["key"].encode(), None)
    person.passkey = SoftPasskey(
        person.passkey.rp_id, job["origin"], id=decode(job["id"]), key=key, user_handle=decode(job["handle"])
    )
    return person


signing = asyncio.Lock()
"""A passkey counts its signatures: one at a time, as on one device."""


async def work(person: SoftPerson, turns: Any, said: list[dict[str, Any]]) -> None:
    for envelope, verb in turns:
        told = await decide(person, envelope, verb)
        said.append({"envelope": envelope, "person": person.name, "verb": verb, **told})
        if verb == "approve then withdraw" and told["won"]:
            again = await decide(person, envelope, "withdraw")
            said.append({"envelope": envelope, "person": person.name, "verb": "withdraw", **again})


async def decide(person: SoftPerson, envelope: str, verb: str) -> dict[str, Any]:
    """What the gateway says: that this was the decision, or whose it was."""
    try:
        if verb == "deny":
            await person.deny(envelope)
        elif verb == "withdraw":
            await person.call("POST", f"envelopes/{envelope}/withdraw", {})
        else:
            async with signing:
                await person.approve(envelope)
    except Refused as refused:
        row = refused.body.get("row") or {}
        return {"won": False, "error": refused.body.get("error"), "winner": row.get("decided_by")}
    return {"won": True, "error": None, "winner": person.name}


if __name__ == "__main__":
    asyncio.run(main())
