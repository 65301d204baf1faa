"""Writes docs/services/: a page for each template that ships, and an index.

python -m tools.service_pages            writes them
python -m tools.service_pages --check    1 if they are not what it would write
"""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from gateway.loading import shipped_templates
from gateway.templates import Library, Service
from gateway.templates.action import Action
from gateway.templates.cedar_schema import resource_types
from gateway.templates.compiled import Compiled

FOLDER = Path(__file__).parent.parent / "docs" / "services"
MADE = "<!-- Made from the template by tools/service_pages.py; changes here are lost. -->"
RISKS = ("forbid", "step_up", "low")


def pages(templates: Mapping[str, Path]) -> dict[str, str]:
    """Every page by its name."""
    compiled = Compiled.usual()
    services = [
        next(iter(Library.load([file], compiled=compiled).services.values())) for file in templates.values()
    ]
    made = {f"{service.name}.md": page(service) for service in services}
    return {**made, "README.md": index(services)}


def page(service: Service) -> str:
    """Actions sorted by id, with what a policy and an approver see of each; the unmatched ones last."""
    actions = sorted(service.actions, key=lambda action: action.id)
    every = [*actions, *service.unmatched.values()]
    hosts = ", ".join(f"`{host}`" for host in service.hosts)
    return "\n".join(
        [
            f"# {_cell(service.title)}",
            "",
            MADE,
            "",
            f"Template `{service.name}`, version {service.version}, for {hosts}. {_counted(actions)}",
            "",
            "`low` leaves the decision to policy; `step_up` asks a person whatever policy says; `forbid`",
            "lets nothing through. A policy may always be stricter.",
            "",
            *_table(
                ("action", "what it does", "resource", "groups", "access", "risk", "undo"),
                [_row(service, action) for action in every],
            ),
            "",
            "[All services](README.md)",
            "",
        ]
    )


def index(services: Sequence[Service]) -> str:
    rows = [
        (
            f"[{service.name}]({service.name}.md)",
            _cell(service.title),
            str(len(service.actions)),
            str(sum(action.access == "write" for action in service.actions)),
            *(str(_risks(service.actions)[risk]) for risk in reversed(RISKS)),
        )
        for service in sorted(services, key=lambda each: each.name)
    ]
    return "\n".join(
        [
            "# Services",
            "",
            MADE,
            "",
            "The templates that ship: what each knows by name, and how risky it is. What a template does",
            "not name is `/SERVICE/unmatched/read` or `/SERVICE/unmatched/write`. How to write another:",
            "[for template authors](../guides/template-authors.md).",
            "",
            *_table(("service", "what it is", "actions", "writes", *reversed(RISKS)), rows),
            "",
        ]
    )


def _counted(actions: Sequence[Action]) -> str:
    risks = _risks(actions)
    told = ", ".join(f"{risks[risk]} {risk}" for risk in RISKS if risks[risk])
    writes = sum(action.access == "write" for action in actions)
    return f"{len(actions)} actions, {writes} of them write: {told or 'none'}."


def _risks(actions: Sequence[Action]) -> Counter[str]:
    return Counter(str(action.risk) for action in actions)


def _row(service: Service, action: Action) -> tuple[str, ...]:
    undo = (
        "" if action.undo is None else action.undo.how + (f": {action.undo.note}" if action.undo.note else "")
    )
    kinds = ", ".join(kind.rpartition("::")[2] for kind in resource_types(service, action))
    groups = ", ".join(action.groups)
    return (
        f"`{action.name}`",
        _cell(action.title),
        kinds,
        groups,
        action.access,
        str(action.risk),
        _cell(undo),
    )


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]


def main(arguments: Sequence[str]) -> int:
    wanted = pages(shipped_templates())
    there = {file.name: file.read_text(encoding="utf-8") for file in FOLDER.glob("*.md")}
    changed = sorted(name for name in {*wanted, *there} if wanted.get(name) != there.get(name))
    if "--check" in arguments:
        print(
            "\n".join(f"{name} is out of date: python -m tools.service_pages" for name in changed)
            or "up to date"
        )
        return 1 if changed else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in changed:
        if name in wanted:
            (FOLDER / name).write_text(wanted[name], encoding="utf-8")
        else:
            (FOLDER / name).unlink()
    print(f"{len(changed)} pages written, {len(wanted) - len(set(changed) & set(wanted))} as they were")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
