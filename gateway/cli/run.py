"""`secondsig run`: any command behind the gateway, by nothing but its environment."""

import argparse
import os
import signal
import subprocess  # running the user's own command is the purpose
from collections.abc import Mapping
from pathlib import Path

from gateway.config import config_path, load_settings
from gateway.errors import UsageError
from gateway.operator_socket import ask

CA_VARIABLES = (
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
    "AWS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "DENO_CERT",
    "PIP_CERT",
    "CARGO_HTTP_CAINFO",
)
PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
NOT_FOUND, NOT_RUNNABLE = 127, 126


def run(arguments: argparse.Namespace) -> int:
    """The exit code is the command's own."""
    command = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
    if not command:
        raise UsageError("Name a command: secondsig run -- curl https://playground.secondsig.internal/")
    settings = load_settings(config_path(arguments.config, os.environ))
    socket = settings.state / "operator.sock"
    try:
        begun = ask(socket, "run_begin", {"agent": arguments.agent})
    except (FileNotFoundError, ConnectionError):
        raise UsageError(
            "No gateway is running: start it in another terminal with secondsig serve."
        ) from None
    try:
        return _run(command, child_environment(os.environ, begun["proxy"], settings.state / "ca-bundle.pem"))
    finally:
        _end(socket, arguments.agent, begun["run"])


def child_environment(environment: Mapping[str, str], proxy: str, bundle: Path) -> dict[str, str]:
    """What the command sees: the proxy under every name that clients read, our roots beside the system's."""
    changed = dict.fromkeys(PROXY_VARIABLES, proxy)
    changed |= {name.lower(): proxy for name in PROXY_VARIABLES}
    changed |= dict.fromkeys(CA_VARIABLES, str(bundle))
    changed |= {"NO_PROXY": "", "no_proxy": "", "NODE_USE_ENV_PROXY": "1"}
    kept = {name: value for name, value in environment.items() if not name.startswith("SECONDSIG_")}
    return {**kept, **changed}


def _run(command: list[str], environment: dict[str, str]) -> int:
    try:
        process = subprocess.Popen(command, env=environment)  # noqa: S603  # the user's own command
    except FileNotFoundError:
        raise UsageError(f"There is no command {command[0]}.") from None
    except PermissionError:
        raise UsageError(f"{command[0]} cannot be run: it is not executable.") from None
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGTERM, lambda number, _frame: process.send_signal(number))
    try:
        code = process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code


def _end(socket: Path, agent: str, run_id: str) -> None:
    """The run's token stops with the run; a gateway that is gone has nothing to stop."""
    try:
        ask(socket, "run_end", {"agent": agent, "run": run_id})
    except (OSError, UsageError):
        return
