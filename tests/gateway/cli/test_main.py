import argparse
import gc
import subprocess
import sys
from collections.abc import Callable

import pytest

from gateway.cli import main as module
from gateway.cli.main import collecting_later, main, run_safely
from gateway.errors import ConfigError, ConfigErrors, Place, StoreError, UsageError


def running(monkeypatch: pytest.MonkeyPatch, command: Callable[[argparse.Namespace], int]) -> int:
    monkeypatch.setattr(module, "_command", lambda _name: command)
    return run_safely(argparse.Namespace(run="x"))


def raising(error: BaseException) -> Callable[[argparse.Namespace], int]:
    def command(_: argparse.Namespace) -> int:
        raise error

    return command


@pytest.mark.parametrize("code", [0, 1, 7, 127])
def test_the_exit_code_is_the_commands(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    assert running(monkeypatch, lambda _: code) == code


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (UsageError("Name a command."), "secondsig: Name a command.\n"),
        (StoreError("It is full."), "secondsig: It is full.\n"),
        (ConfigError("wrong.", Place("f", 1, 2), "Mend it."), "secondsig: f:1:2: wrong. Mend it.\n"),
        (ConfigErrors((ConfigError("one."), ConfigError("two."))), "secondsig: one.\ntwo.\n"),
        (FileNotFoundError(2, "No such file", "x"), "secondsig: No such file: x\n"),
        (OSError("odd"), "secondsig: odd\n"),
    ],
)
def test_an_error_is_one_sentence_and_exit_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, said: str
) -> None:
    assert running(monkeypatch, raising(error)) == 1
    told = capsys.readouterr()
    assert (told.err, told.out) == (said, "")


def test_ctrl_c_is_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert running(monkeypatch, raising(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err == ""


def test_a_fault_is_a_sentence_too_and_shows_its_trace_on_request(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SECONDSIG_TRACE", raising=False)
    assert running(monkeypatch, raising(KeyError("x"))) == 1
    assert "should not (KeyError: 'x')" in capsys.readouterr().err
    monkeypatch.setenv("SECONDSIG_TRACE", "1")
    with pytest.raises(KeyError):
        running(monkeypatch, raising(KeyError("x")))


def test_a_reader_that_went_away_is_no_fault() -> None:
    program = (
        "import sys; from gateway.cli import main as m;"
        "m._command = lambda n: (lambda a: print('x' * 10**6) or 0);"
        "import argparse; sys.exit(m.run_safely(argparse.Namespace(run='x')))"
    )
    shell = f'"{sys.executable}" -c "{program}" | head -c 1'
    done = subprocess.run(["sh", "-c", shell], capture_output=True, check=False, text=True)
    assert (done.stdout, "Traceback" in done.stderr) == ("x", False)


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "Start here: secondsig serve" in capsys.readouterr().out


def test_help_is_quick_because_nothing_heavy_is_loaded() -> None:
    program = (
        "import sys; from gateway.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'cedarpy', 'mitmproxy', 'aiohttp', 'webauthn', 'cryptography', 'yaml'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_aiohttps_own_contexts_trust_nobody_and_all_later_ones_the_systems_roots() -> None:
    program = (
        "import ssl\n"
        "import gateway.cli.serve\n"
        "from aiohttp import connector\n"
        "theirs, ours = connector._SSL_CONTEXT_VERIFIED, ssl.create_default_context()\n"
        "paths = ssl.SSLContext.set_default_verify_paths.__objclass__.__name__\n"
        "print(theirs.verify_mode.name, theirs.check_hostname, len(theirs.get_ca_certs()), paths)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, text=True)
    assert (done.stdout, done.stderr) == ("CERT_REQUIRED True 0 _SSLContext\n", "")


def test_a_command_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    from gateway.cli.init import init

    assert module._command("gateway.cli.init:init") is init


def test_garbage_is_collected_again_whatever_a_start_comes_to() -> None:
    def fails() -> None:
        with collecting_later():
            assert not gc.isenabled()
            raise ValueError("no start")

    with pytest.raises(ValueError, match="no start"):
        fails()
    assert gc.isenabled()
    gc.unfreeze()
