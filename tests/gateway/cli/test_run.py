import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import run as module
from gateway.cli.main import main
from gateway.cli.run import child_environment
from gateway.errors import UsageError
from gateway.installation import install

PROXY = "http://bot:ssig_x@127.0.0.1:8080"
BUNDLE = Path("/state/ca-bundle.pem")
CA = (
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
    "AWS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "DENO_CERT",
)


def child(**environment: str) -> dict[str, str]:
    return child_environment(environment, PROXY, BUNDLE)


@pytest.mark.parametrize("name", CA)
def test_every_client_is_told_to_trust_the_bundle(name: str) -> None:
    assert child()[name] == str(BUNDLE)
    assert child(**{name: "/other.pem"})[name] == str(BUNDLE)


@pytest.mark.parametrize("name", ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"])
def test_every_client_is_told_the_proxy_in_both_spellings(name: str) -> None:
    made = child(**{name: "http://elsewhere", name.lower(): "http://elsewhere"})
    assert (made[name], made[name.lower()]) == (PROXY, PROXY)


def test_nothing_goes_around_the_proxy() -> None:
    made = child(NO_PROXY="*", no_proxy="api.github.com")
    assert (made["NO_PROXY"], made["no_proxy"]) == ("", "")


def test_newer_node_is_told_to_use_it() -> None:
    assert child()["NODE_USE_ENV_PROXY"] == "1"


@pytest.mark.parametrize("name", ["SECONDSIG_CONFIG", "SECONDSIG_HOME", "SECONDSIG_STATE", "SECONDSIG_X"])
def test_nothing_of_the_gateways_own_configuration_is_inherited(name: str) -> None:
    assert name not in child(**{name: "x"})


def test_everything_else_is_left_as_it_is() -> None:
    environment = {"PATH": "/bin", "HOME": "/root", "SECONDSIGNAL": "kept", "LANG": "C"}
    assert environment.items() <= child(**environment).items()
    assert environment == {"PATH": "/bin", "HOME": "/root", "SECONDSIGNAL": "kept", "LANG": "C"}


class Gateway:
    """The operator's socket, played."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.ends: Exception | None = None
        self.config = install(folder)
        monkeypatch.setattr(module, "ask", self.ask)

    def ask(self, path: Path, command: str, given: dict[str, Any]) -> Any:
        assert path.name == "operator.sock"
        self.asked.append((command, given))
        if command == "run_end" and self.ends:
            raise self.ends
        return {"run": "run_1", "proxy": PROXY}

    def run(self, *command: str, agent: str = "default") -> int:
        return main(["run", "--config", str(self.config), "--agent", agent, "--", *command])


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Gateway:
    return Gateway(monkeypatch, tmp_path)


ENDED = ("run_end", {"agent": "default", "run": "run_1"})


@pytest.mark.parametrize("code", [0, 3, 255])
def test_the_exit_code_is_the_commands_own_and_its_token_ends_with_it(gateway: Gateway, code: int) -> None:
    assert gateway.run(sys.executable, "-c", f"raise SystemExit({code})") == code
    assert gateway.asked == [("run_begin", {"agent": "default"}), ENDED]


def test_a_command_that_a_signal_ended_says_which(gateway: Gateway) -> None:
    program = f"import os, signal; os.kill(os.getpid(), {int(signal.SIGKILL)})"
    assert gateway.run(sys.executable, "-c", program) == 128 + signal.SIGKILL
    assert gateway.asked[-1] == ENDED


def test_the_command_really_sees_the_proxy(gateway: Gateway, tmp_path: Path) -> None:
    out = tmp_path / "out"
    program = (
        f"import os; open({str(out)!r}, 'w').write(os.environ['HTTPS_PROXY'] + os.environ['SSL_CERT_FILE'])"
    )
    assert gateway.run(sys.executable, "-c", program, agent="bot") == 0
    assert out.read_text() == PROXY + str(tmp_path / "state" / "ca-bundle.pem")
    assert gateway.asked[0] == ("run_begin", {"agent": "bot"})


def test_options_of_the_command_stay_its_own(gateway: Gateway) -> None:
    assert gateway.run(sys.executable, "-c", "import sys; sys.exit(len(sys.argv))", "--json", "--", "-x") == 4


@pytest.mark.parametrize(
    ("name", "said"), [("absent", "There is no command"), ("plain", "cannot be run: it is not executable")]
)
def test_a_command_that_cannot_be_run_is_a_sentence_and_its_token_ends(
    gateway: Gateway, capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str, said: str
) -> None:
    (tmp_path / "plain").write_text("no program")
    assert gateway.run(str(tmp_path / name)) == 1
    assert said in capsys.readouterr().err
    assert gateway.asked[-1] == ENDED


def test_no_command_is_a_sentence(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    assert gateway.run() == 1
    assert "Name a command" in capsys.readouterr().err
    assert gateway.asked == []


@pytest.mark.parametrize("error", [FileNotFoundError(), ConnectionRefusedError(), ConnectionError("closed")])
def test_without_a_gateway_nothing_is_run(
    gateway: Gateway,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    error: Exception,
) -> None:
    def nobody(*_: object) -> Any:
        raise error

    monkeypatch.setattr(module, "ask", nobody)
    assert gateway.run(sys.executable, "-c", f"open({str(tmp_path / 'ran')!r}, 'w')") == 1
    assert "No gateway is running" in capsys.readouterr().err
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("error", [ConnectionRefusedError(), UsageError("gone"), TimeoutError()])
def test_a_gateway_that_stopped_meanwhile_changes_nothing_for_the_command(
    gateway: Gateway, error: Exception
) -> None:
    gateway.ends = error
    assert gateway.run(sys.executable, "-c", "raise SystemExit(5)") == 5


def test_signals_are_as_before_afterwards(gateway: Gateway) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    gateway.run(sys.executable, "-c", "")
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_a_termination_reaches_the_command(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    class Process(subprocess.Popen[bytes]):
        def wait(self, timeout: float | None = None) -> int:
            os.kill(os.getpid(), signal.SIGTERM)
            return super().wait(timeout)

    monkeypatch.setattr(subprocess, "Popen", Process)
    program = "import time; time.sleep(30)"
    assert gateway.run(sys.executable, "-c", program) == 128 + signal.SIGTERM
    assert gateway.asked[-1] == ENDED
