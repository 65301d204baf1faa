"""The operator's commands: asked of the running gateway, or done on its files while none runs."""

import argparse
import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from gateway.cli.output import clean, print_json, print_table, sentence
from gateway.config import config_path, load_settings
from gateway.errors import UsageError
from gateway.operator_socket import ask

AUDIT_COLUMNS = (
    "seq",
    "at",
    "kind",
    "decision",
    "reason",
    "agent",
    "action",
    "person",
    "outcome",
    "status",
    "envelope",
)


def operate(arguments: argparse.Namespace, command: str, **given: Any) -> Any:
    """The answer to one operator's command."""
    path = config_path(arguments.config, os.environ)
    settings = load_settings(path)
    try:
        return ask(settings.state / "operator.sock", command, given)
    except (FileNotFoundError, ConnectionError):
        return asyncio.run(_offline(path, command, given))


async def _offline(path: Path, command: str, given: dict[str, Any]) -> Any:
    if command == "reload":
        raise UsageError("No gateway runs on this configuration: it is read at the next start.")
    import structlog

    from gateway.service import Service

    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    service = Service(load_settings(path))
    try:
        await service.open()
        return await getattr(service.operating, command)(**given)
    finally:
        await service.stop()
        structlog.reset_defaults()


def _show(arguments: argparse.Namespace, answer: Any, said: str) -> int:
    if arguments.json:
        print_json(answer)
    else:
        print(said)
    return 0


def agent_add(arguments: argparse.Namespace) -> int:
    answer = operate(arguments, "agent_add", name=arguments.name, team=arguments.team, owner=arguments.owner)
    return _show(arguments, answer, _token_lines(answer))


def agent_rotate(arguments: argparse.Namespace) -> int:
    answer = operate(arguments, "agent_rotate", name=arguments.name)
    return _show(arguments, answer, _token_lines(answer))


def _token_lines(answer: dict[str, Any]) -> str:
    return (
        f"Give this to {answer['agent']}. The token is shown once and stored only as a hash.\n\n"
        f"export HTTPS_PROXY={answer['proxy']} HTTP_PROXY={answer['proxy']}\n"
    )


def agent_list(arguments: argparse.Namespace) -> int:
    answer = operate(arguments, "agent_list")
    if arguments.json:
        print_json(answer)
    else:
        print_table(
            answer["agents"], ("name", "team", "owner", "paused"), "No agents: secondsig agent add NAME"
        )
    return 0


def agent_pause(arguments: argparse.Namespace) -> int:
    answer = operate(arguments, "agent_pause", name=arguments.name)
    return _show(arguments, answer, f"{arguments.name} is paused: nothing of it passes.")


def agent_resume(arguments: argparse.Namespace) -> int:
    answer = operate(arguments, "agent_resume", name=arguments.name)
    return _show(arguments, answer, f"{arguments.name} goes on.")


def agent_revoke(arguments: argparse.Namespace) -> int:
    answer = operate(arguments, "agent_revoke", name=arguments.name)
    return _show(arguments, answer, f"{arguments.name} is removed; its tokens no longer work.")


def approver_invite(arguments: argparse.Namespace) -> int:
    answer = operate(arguments, "approver_invite")
    return _show(
        arguments, answer, f"Open this link within {answer['minutes']} minutes, once:\n{answer['url']}"
    )


def approver_list(arguments: argparse.Namespace) -> int:
    answer = operate(arguments, "approver_list")
    if arguments.json:
        print_json(answer)
    else:
        rows = [{"name": a["name"], "groups": ", ".join(a["groups"])} for a in answer["approvers"]]
        print_table(rows, ("name", "groups"), "Nobody is enrolled: secondsig approver invite")
    return 0


def approver_revoke(arguments: argparse.Namespace) -> int:
    answer = operate(arguments, "approver_revoke", name=arguments.name)
    return _show(arguments, answer, f"{clean(arguments.name)} is revoked.")


def stop_all(arguments: argparse.Namespace) -> int:
    answer = operate(arguments, "stop_all")
    said = f"Paused {len(answer['paused'])} agents and denied {len(answer['denied'])} waiting requests."
    return _show(arguments, answer, said)


def reload(arguments: argparse.Namespace) -> int:
    answer = operate(arguments, "reload")
    return _show(arguments, answer, f"In force: configuration {answer['config'][:16]}.")


def config_show(arguments: argparse.Namespace) -> int:
    answer = operate(arguments, "config_show")
    said = [f"In force: configuration {answer['config']}", f"Changes take: {answer['trust']}"]
    if answer["files"]:
        said.append(f"Signed files: {answer['files']}")
    said += [f"Not taken: {clean(why)}" for why in answer["refused"]]
    return _show(arguments, answer, "\n".join(said))


def config_diff(arguments: argparse.Namespace) -> int:
    """1 if there is a difference, as diff has it."""
    answer = operate(arguments, "config_diff")
    nothing = (
        "The files are what is in force."
        if answer["trust"] == "signed"
        else "The files decide by themselves."
    )
    _show(arguments, answer, "\n".join(map(clean, answer["diff"].splitlines())) or nothing)
    return 1 if answer["diff"] else 0


def config_apply(arguments: argparse.Namespace) -> int:
    """Reads the files again; where a passkey has to sign them, says where."""
    shown = operate(arguments, "config_show")
    if shown["trust"] == "files":
        return reload(arguments)
    diff = operate(arguments, "config_diff")["diff"]
    if not diff:
        return _show(arguments, shown, "The files are what is in force.")
    said = f"An administrator has to sign this change with a passkey: open {shown['page']}"
    return _show(arguments, shown, f"{chr(10).join(map(clean, diff.splitlines()))}\n\n{said}")


def envelope_list(arguments: argparse.Namespace) -> int:
    answer = operate(arguments, "envelope_list", everything=arguments.everything)
    if arguments.json:
        print_json(answer)
    else:
        rows = [{**row, "request": sentence(row["summary"])} for row in answer["envelopes"]]
        print_table(rows, ("id", "state", "agent", "request", "expires_at", "decided_by"), "Nothing waits.")
    return 0


def envelope_show(arguments: argparse.Namespace) -> int:
    answer = operate(arguments, "envelope_show", envelope=arguments.envelope)
    if arguments.json:
        print_json(answer)
        return 0
    print(f"{sentence(answer['envelope']['summary'])}\n")
    for name in ("id", "state", "agent", "action", "resource", "address", "expires_at", "decided_by", "note"):
        print(f"{name:12} {clean(answer['envelope'][name])}")
    if answer["earlier_configuration"]:
        print("\nOpened under an earlier configuration: it is decided again before anything is sent.")
    print()
    print_table(answer["rows"], AUDIT_COLUMNS[:-1], "No rows.")
    return 0


def envelope_deny(arguments: argparse.Namespace) -> int:
    answer = operate(arguments, "envelope_deny", envelope=arguments.envelope, note=arguments.note)
    return _show(arguments, answer, f"{arguments.envelope} is denied.")


def envelope_cancel(arguments: argparse.Namespace) -> int:
    answer = operate(arguments, "envelope_cancel", envelope=arguments.envelope)
    return _show(arguments, answer, f"{arguments.envelope} is cancelled.")


def grant_list(arguments: argparse.Namespace) -> int:
    answer = operate(arguments, "grant_list", everything=arguments.everything)
    if arguments.json:
        print_json(answer)
    else:
        columns = ("id", "agent", "signer", "expires_at", "uses", "last_used_at", "ended_why", "says")
        print_table(answer["grants"], columns, "Nothing is granted.")
    return 0


def grant_revoke(arguments: argparse.Namespace) -> int:
    answer = operate(arguments, "grant_revoke", grant=arguments.grant)
    return _show(arguments, answer, f"{arguments.grant} is revoked: people are asked again.")


def notify_test(arguments: argparse.Namespace) -> int:
    answer = operate(arguments, "notify_test", channel=arguments.channel)
    failed = answer["state"] == "failed"
    said = f"{arguments.channel}: {clean(answer['error'])}." if failed else f"{arguments.channel}: sent."
    _show(arguments, answer, said)
    return 1 if failed else 0


def audit_list(arguments: argparse.Namespace) -> int:
    answer = operate(
        arguments, "audit_list", chosen=arguments.filter, before=arguments.before, limit=arguments.limit
    )
    if arguments.json:
        print_json(answer)
    else:
        print_table(answer["rows"], AUDIT_COLUMNS, "No rows.")
    return 0
