"""The first start: a configuration that is safe, made where there was none."""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Literal

from gateway.config import FILE
from gateway.errors import UsageError
from gateway.keys import private_folder, write_private

STARTER = f"""\
# {FILE}: every setting is described in docs/reference/settings.md.
# The gateway listens on this machine alone. Agents connect to the proxy, people open the pages.
listen:
  proxy: 127.0.0.1:8080
  pages: localhost:8081

# Which services agents may reach. A host without a template is refused. Take out the # of what your agents
# need, or add others of docs/services: it takes effect when you save.
templates:
  playground:
  # github:
  # stripe:

approvals:
  ttl: 60s
  # An agent's owner may sign its requests. Good for one person alone; take it away for a team.
  owner_may_approve: true
"""


type Variation = Literal["agentkeys"]

VARIATIONS: Mapping[Variation, str] = {
    "agentkeys": "  agentkeys: {vars: {hosts: [keys.example.com]}}   # where it answers\n",
}
"""What each variation of the starter enables; its policy and entities lie beside the starter's."""

PLAIN = {"policy.cedar": "policy.cedar", "entities.json": "entities.json"}


def install(
    folder: Path, *, proxy: str | None = None, pages: str | None = None, variation: Variation | None = None
) -> Path:
    """A starter configuration in this folder; never overwrites one."""
    target = folder / FILE
    _check_free(target, *(folder / name for name in PLAIN if variation))
    private_folder(folder)
    text = STARTER
    if variation:
        text = text.replace("  playground:\n", f"  playground:\n{VARIATIONS[variation]}")
    if proxy:
        text = text.replace("127.0.0.1:8080", proxy)
    if pages:
        text = text.replace("localhost:8081", pages)
    varied = {"policy.cedar": f"{variation}.cedar", "entities.json": f"{variation}.json"}
    for name, source in (varied if variation else PLAIN).items():
        if not (folder / name).exists():
            write_private(folder / name, files("gateway").joinpath("starter", source).read_bytes())
    write_private(target, text.encode())
    return target


def _check_free(*paths: Path) -> None:
    """A variation is whole: its settings must not stand beside a policy that was there before."""
    for path in paths:
        if path.exists():
            raise UsageError(f"{path} exists already: edit it, or choose another folder with --dir.")
