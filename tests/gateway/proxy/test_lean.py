import subprocess
import sys

from gateway.proxy.lean import PACKAGE, keep_addons_out


def run(program: str) -> str:
    done = subprocess.run((sys.executable, "-c", program), capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_engine_brings_no_web_framework_and_no_terminal_interface() -> None:
    names = ("flask", "urwid", "tornado")
    program = f"import gateway.proxy.engine, sys; print([m for m in {names} if m in sys.modules])"
    assert run(program) == "[]"


def test_an_addon_is_still_found_by_its_own_name() -> None:
    program = "import gateway.proxy; from mitmproxy.addons.block import Block; print(Block.__name__)"
    assert run(program) == "Block"


def test_what_is_loaded_already_stays() -> None:
    before = sys.modules[PACKAGE]
    keep_addons_out()
    assert sys.modules[PACKAGE] is before
