"""`secondsig serve`: the first start makes a safe configuration; every start says where everything is."""

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
from pathlib import Path

import structlog

from gateway.cli.main import collecting_later, roots_unread
from gateway.config import config_path, load_settings
from gateway.errors import SecondsigError
from gateway.installation import install
from gateway.keys import write_private

with roots_unread():
    from gateway.service import Service

DEFAULT_AGENT = "default"


def serve(arguments: argparse.Namespace) -> int:
    configure_logging(machine=arguments.json or not sys.stderr.isatty())
    path = config_path(arguments.config, os.environ)
    if not path.exists():
        install(path.parent)
        print(f"First start: wrote a safe configuration to {path}")
        print("(owner_may_approve is on: the owner of an agent may sign for it. Turn it off for a team.)")
    return asyncio.run(_serve(path))


def configure_logging(*, machine: bool, quiet: bool = False) -> None:
    renderer = structlog.processors.JSONRenderer() if machine else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            renderer,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL if quiet else logging.INFO),
    )


async def _serve(path: Path) -> int:
    service = Service(load_settings(path))
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ending.set)
    with collecting_later():
        await service.start()
    reloading: set[asyncio.Task[None]] = set()

    def reload() -> None:
        task = loop.create_task(_reload(service))
        reloading.add(task)
        task.add_done_callback(reloading.discard)

    loop.add_signal_handler(signal.SIGHUP, reload)
    try:
        await _welcome(service)
        await ending.wait()
    finally:
        await service.stop()
    return 0


async def _reload(service: Service) -> None:
    """What is wrong with the files was logged where it was refused."""
    with contextlib.suppress(SecondsigError):
        await service.reload()


async def _welcome(service: Service) -> None:
    if DEFAULT_AGENT not in service.directory.agents and not service.directory.agents:
        await service.operating.agent_add(DEFAULT_AGENT)
    print(
        f"Agents:  http://{service.settings.listen.proxy} (put a command behind it: secondsig run -- COMMAND)"
    )
    print(f"People:  {service.settings.origin}")
    if link := service.first_link:
        _show_link(service, link["url"], link["minutes"])
    print("Stop it with Ctrl-C.", flush=True)


def _show_link(service: Service, url: str, minutes: int) -> None:
    """To the terminal; without one, where only this account can read it, and not into anybody's logs."""
    if sys.stdout.isatty():
        print(f"\nEnrol the first approver (works once, for {minutes} minutes):\n  {url}\n")
        return
    write_private(service.paths.enrolment, f"{url}\n".encode())
    print(f"Enrol the first approver with the link in {service.paths.enrolment} (once, {minutes} minutes)")
