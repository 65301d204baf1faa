"""`secondsig template explain`: what the gateway would make of a request, step by step. Nothing is sent."""

import argparse
import base64
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from gateway.authoring.asked import Asked, read_bytes
from gateway.authoring.curl import read_curl
from gateway.authoring.explaining import Explanation, explain
from gateway.authoring.har import read_har
from gateway.authoring.raw_http import read_raw
from gateway.authoring.scenes import MADE_UP, Known, configured_scene, known_in, shipped_scene
from gateway.authoring.shell import words
from gateway.cli.output import clean, print_json
from gateway.config import config_path, load_settings
from gateway.errors import UsageError
from gateway.model import Caller
from gateway.policy import AgentFacts, PersonFacts
from gateway.settings import Settings

ADDRESS = "127.0.0.1"
MISUSED = 2


def explain_request(arguments: argparse.Namespace) -> int:
    """0 when it was explained, whatever the gateway would do; 2 for what is no request."""
    try:
        explained = _explained(arguments)
    except UsageError as error:
        print(f"secondsig: {error}", file=sys.stderr)
        return MISUSED
    if arguments.json:
        print_json({"requests": [_plain(each) for each in explained]})
        return 0
    for number, each in enumerate(explained):
        if number:
            print()
        _print(each)
    return 0


def _explained(arguments: argparse.Namespace) -> list[Explanation]:
    path = config_path(arguments.config, os.environ)
    settings = load_settings(path) if path.exists() else None
    requests = _requests(arguments, settings)
    agent = arguments.agent or (requests[0].request.caller.agent if arguments.envelope else None)
    now = int(time.time())
    if settings is None:
        scene = shipped_scene([each.request for each in requests], agent, now)
    else:
        scene = configured_scene(settings, agent, _known(settings), now)
    return [explain(each, scene) for each in requests]


def _requests(arguments: argparse.Namespace, settings: Settings | None) -> list[Asked]:
    """From exactly one of the places where a request can be given."""
    caller = Caller(arguments.agent or MADE_UP, "tok_explained", None, ADDRESS)
    rest = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
    given = [arguments.curl, arguments.raw, arguments.har, arguments.envelope, rest or None]
    if sum(each is not None for each in given) != 1:
        raise UsageError("Give one request: --curl, --raw, --har, --envelope, or a curl command after --.")
    if arguments.raw is not None:
        raw = sys.stdin.buffer.read() if arguments.raw == "-" else read_bytes(Path(arguments.raw))
        return [
            read_raw(
                raw, caller, arguments.scheme, "standard input" if arguments.raw == "-" else arguments.raw
            )
        ]
    if arguments.har is not None:
        return read_har(read_bytes(Path(arguments.har)), caller, arguments.har)
    if arguments.envelope is not None:
        return [_held(arguments, settings)]
    return [_curl(rest or words(arguments.curl), caller)]


def _curl(command: Sequence[str], caller: Caller) -> Asked:
    return read_curl(command, caller, Path.cwd())


def _held(arguments: argparse.Namespace, settings: Settings | None) -> Asked:
    """The sealed request comes from the gateway or its files; only this account has the key to it."""
    from gateway.authoring.held import held_request
    from gateway.cli.operator import operate
    from gateway.keys import load_keys
    from gateway.questions import unpack

    if settings is None:
        raise UsageError("An envelope belongs to a gateway: name its configuration with --config.")
    answer = operate(arguments, "envelope_held", envelope=arguments.envelope)
    sealed = base64.b64decode(answer["sealed"])
    keys = load_keys(settings.state / "keys")
    return held_request(arguments.envelope, unpack(keys.unseal(arguments.envelope, sealed)))


def _known(settings: Settings) -> Known | None:
    """Who the gateway knows: it is asked, or its files are read while it does not run."""
    import asyncio

    from gateway.operator_socket import ask

    socket, database = settings.state / "operator.sock", settings.state / "data" / "secondsig.db"
    try:
        agents = ask(socket, "agent_list", {})["agents"]
        people = ask(socket, "approver_list", {})["approvers"]
    except (FileNotFoundError, ConnectionError):
        return asyncio.run(_known_of_files(database)) if database.exists() else None
    return Known(
        tuple(
            AgentFacts(each["name"], each["team"], each["owner"], each["limits"], each["team_limits"])
            for each in agents
        ),
        frozenset(each["name"] for each in agents if each["paused"]),
        tuple(PersonFacts(each["name"], tuple(each["groups"])) for each in people if each["passkeys"]),
    )


async def _known_of_files(database: Path) -> Known:
    from gateway.directory import Directory
    from gateway.store.sqlite import SqliteStore

    store = SqliteStore(database)
    try:
        directory = Directory(store)
        await directory.refresh()
    finally:
        await store.close()
    return known_in(directory)


def _print(explained: Explanation) -> None:
    for number, step in enumerate(explained.steps, 1):
        print(f"{number}. {step.title}")
        for line in step.says:
            print(f"   {clean(line)}")


def _plain(explained: Explanation) -> dict[str, object]:
    return {
        "origin": explained.origin,
        "outcome": explained.outcome,
        "steps": [step.as_json() for step in explained.steps],
    }
