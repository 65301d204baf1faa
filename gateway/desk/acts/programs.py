"""Programs that sign for themselves, as an administrator registers and revokes them."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import get_args

from gateway.audit import Kind
from gateway.desk.changing import Plan, Signed, check_administrator, done, only, text_of
from gateway.desk.contract import DeskError, JsonObject
from gateway.directory import Directory
from gateway.program_keys import ProgramKeyError, read_key
from gateway.rules import Rules
from gateway.store.things import Program, ProgramVerb
from gateway.store.writes import AddProgram, RevokeProgram

NAME = re.compile(r"[0-9A-Za-z._-]{1,64}")
VERBS: tuple[ProgramVerb, ...] = get_args(ProgramVerb.__value__)


@dataclass
class RegisterProgram:
    """Lets a program deny, route or delegate, as far as policy permits it with `Action::"delegate"`."""

    directory: Directory
    rules: Callable[[], Rules]
    refreshed: Callable[[], Awaitable[None]]

    async def plan(self, person: str, asked: JsonObject) -> Plan:
        check_administrator(self.rules(), self.directory, person)
        only(asked, "name", "key", "verbs")
        name, key, verbs = text_of(asked, "name"), text_of(asked, "key"), _verbs(asked.get("verbs"))
        if not NAME.fullmatch(name):
            raise DeskError(
                400, "bad_name", "A program's name has 1 to 64 letters, digits, dots, dashes or underscores."
            )
        try:
            read_key(key)
        except ProgramKeyError as error:
            raise DeskError(400, "bad_key", str(error)) from error
        if name in self.directory.programs:
            raise DeskError(409, "exists", f"There is a program {name} already: revoke it first.")
        if key in {program.key for program in self.directory.programs.values()}:
            raise DeskError(409, "exists", "Another program has this key already.")
        says = f"Let the program {name} {', '.join(verbs)}, where policy permits it."
        return Plan(says, {"program": name, "key": key, "verbs": list(verbs)})

    async def perform(self, plan: Plan, signed: Signed) -> JsonObject:
        name, key, verbs = plan.change["program"], plan.change["key"], _verbs(plan.change["verbs"])
        row = signed.row(
            Kind.PROGRAM,
            "registered",
            reason=name,
            config_digest=self.rules().digest,
            detail=f"{', '.join(verbs)} with {key}",
        )
        change = AddProgram(Program(name, key, verbs, signed.at))
        done(await signed.apply(change, [row]))
        await self.refreshed()
        return {"program": name}


@dataclass
class RevokeOne:
    """Ends a program: what it delegated and was not sent yet lapses."""

    directory: Directory
    rules: Callable[[], Rules]
    refreshed: Callable[[], Awaitable[None]]

    async def plan(self, person: str, asked: JsonObject) -> Plan:
        check_administrator(self.rules(), self.directory, person)
        only(asked, "name")
        name = text_of(asked, "name")
        if name not in self.directory.programs:
            raise DeskError(404, "absent", "There is no such program.")
        return Plan(f"Revoke the program {name}.", {"program": name, "revoked": True})

    async def perform(self, plan: Plan, signed: Signed) -> JsonObject:
        name = plan.change["program"]
        row = signed.row(Kind.PROGRAM, "revoked", reason=name, config_digest=self.rules().digest)
        done(await signed.apply(RevokeProgram(name, signed.at), [row]))
        await self.refreshed()
        return {"program": name, "revoked": True}


def _verbs(asked: object) -> tuple[ProgramVerb, ...]:
    """In one order, so that what is signed reads one way; nothing, or something twice, is no answer."""
    verbs = tuple(verb for verb in VERBS if isinstance(asked, list) and verb in asked)
    if not isinstance(asked, list) or not verbs or len(verbs) != len(asked):
        raise DeskError(400, "bad_request", f"verbs has to be a list of some of {', '.join(VERBS)}.")
    return verbs
