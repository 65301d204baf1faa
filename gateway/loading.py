"""From the operator's files to Rules: whole, or not at all."""

from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.errors import ConfigError, ConfigErrors, Place
from gateway.policy import Policy
from gateway.rules import Rules, rules_digest, with_directory
from gateway.settings import Settings
from gateway.templates import Compiled, Library
from gateway.templates.fields import Fields, suggestion
from gateway.templates.freezing import collecting_later
from gateway.templates.yaml12 import parse_yaml

if TYPE_CHECKING:  # what only names a type is not worth the time that a command takes to start
    from gateway.directory import Directory


def shipped_templates() -> dict[str, Path]:
    """The templates that come with Secondsig, by service."""
    folder = Path(str(files("templates_yaml")))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def ui_folder() -> Path:
    return Path(str(files("approve_ui")))


def load_library(settings: Settings, compiled: Compiled | None = None) -> Library:
    variables = {name: service.vars for name, service in settings.templates.items() if service.vars}
    overlays = {name: service.overlays for name, service in settings.templates.items()}
    return Library.load(template_paths(settings), variables, overlays, compiled)


def template_paths(settings: Settings) -> list[Path]:
    """The templates that these settings enable, the operator's own in the place of shipped ones."""
    shipped = shipped_templates()
    own = {_service_of(path): path for path in settings.template_files}
    for name in settings.templates:
        if name not in shipped and name not in own:
            raise ConfigError(
                f'no template is called "{name}".',
                Place(str(settings.file)),
                suggestion(name, {*shipped, *own}),
            )
    chosen = [own.get(name) or shipped[name] for name in settings.templates]
    return chosen + [path for name, path in own.items() if name not in settings.templates]


def _service_of(path: Path) -> str:
    """The name a template gives itself; what else is wrong with it is said when it is loaded."""
    try:
        document = parse_yaml(path.read_bytes(), str(path))
    except OSError as error:
        raise ConfigError(f"the template cannot be read ({error.strerror}).", Place(str(path))) from error
    return Fields(document, "A template").text("service") or path.stem


def files_in_force(settings: Settings) -> tuple[Path, ...]:
    """Every file that decides anything under these settings."""
    shipped = shipped_templates()
    templates = [shipped[name] for name in settings.templates if name in shipped]
    overlays = [path for service in settings.templates.values() for path in service.overlays]
    own = (settings.file, settings.policy, settings.entities, *settings.template_files)
    return (*own, *templates, *overlays)


def load_rules(settings: Settings, directory: "Directory") -> Rules:
    """Raises ConfigError or ConfigErrors with everything that is wrong."""
    rules = read_rules(settings)
    return replace(rules, policy=with_directory(rules.policy, directory))


def read_rules(settings: Settings) -> Rules:
    """What the files say. No agent and no person is known to this policy yet."""
    with collecting_later():
        return _read_rules(settings)


def _read_rules(settings: Settings) -> Rules:
    kept = Compiled.beside(settings.state)
    library = load_library(settings, kept)
    policy = Policy.load(
        _read(settings.policy, settings),
        str(settings.policy),
        _read(settings.entities, settings),
        str(settings.entities),
        library.cedar_schema(),
        [],
        [],
        kept,
    )
    return Rules(settings, library, policy, rules_digest(library, policy, settings))


def _read(path: Path, settings: Settings) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"the file cannot be read ({error}).", Place(str(path)), f"It is named in {settings.file}."
        ) from error


__all__ = ["ConfigErrors", "load_library", "load_rules", "shipped_templates", "ui_folder"]
