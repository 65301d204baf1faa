"""The first start: a configuration that is safe, made where there was none."""

from importlib.resources import files
from pathlib import Path

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


def install(folder: Path, *, proxy: str | None = None, pages: str | None = None) -> Path:
    """A starter configuration in this folder; never overwrites one."""
    target = folder / FILE
    if target.exists():
        raise UsageError(f"{target} exists already: edit it, or choose another folder with --dir.")
    private_folder(folder)
    text = STARTER
    if proxy:
        text = text.replace("127.0.0.1:8080", proxy)
    if pages:
        text = text.replace("localhost:8081", pages)
    for name in ("policy.cedar", "entities.json"):
        if not (folder / name).exists():
            write_private(folder / name, files("gateway").joinpath("starter", name).read_bytes())
    write_private(target, text.encode())
    return target
