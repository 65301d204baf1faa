"""Everything that is wrong or doubtful in a set of templates, found in one go."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from gateway.authoring.checks import check
from gateway.authoring.findings import Finding, Severity, from_loader
from gateway.authoring.subjects import Subject, child
from gateway.errors import ConfigError, ConfigErrors, Place
from gateway.templates.examples import run_examples
from gateway.templates.fields import items
from gateway.templates.overlaying import lay_over
from gateway.templates.routes import build_routes, taken_names
from gateway.templates.service import Service, Variables, read_service
from gateway.templates.yaml12 import Key, Yaml, parse_yaml
from gateway.values import dataclass


@dataclass(frozen=True, slots=True)
class Linted:
    """One file's findings; without the service where the file cannot be read as one."""

    findings: tuple[Finding, ...]
    service: Service | None = None


type Look = Callable[[Path, Variables, Mapping[str, Sequence[Path]]], Linted]


def lint(
    files: Sequence[Path],
    variables: Variables,
    overlays: Mapping[str, Sequence[Path]],
    look: Look | None = None,
) -> list[Finding]:
    """In the order of files, lines and columns; each file is looked at, whatever is wrong with the others."""
    linted = [(look or lint_template)(file, variables, overlays) for file in files]
    services = [each.service for each in linted if each.service is not None]
    found = [finding for each in linted for finding in each.findings]
    wrong = [*taken_names(services), *build_routes(services)[1]]
    found += [from_loader(error, str(files[0])) for error in wrong]
    return in_order([*found, *_orphans(linted, overlays)])


def _orphans(linted: Sequence[Linted], overlays: Mapping[str, Sequence[Path]]) -> list[Finding]:
    """Overlays over nothing."""
    known = {each.service.name for each in linted if each.service is not None}
    if any(each.service is None for each in linted):
        return []
    return [
        Finding(
            Place(str(path), 1, 1),
            Severity.ERROR,
            "overlay-misfit",
            f'There is no template "{name}" for this overlay.',
            "Name the template's file as well.",
        )
        for name, paths in overlays.items()
        for path in paths
        if name not in known
    ]


def in_order(found: Iterable[Finding]) -> list[Finding]:
    return sorted(dict.fromkeys(found), key=lambda finding: finding.order)


def lint_template(file: Path, variables: Variables, overlays: Mapping[str, Sequence[Path]]) -> Linted:
    """The loader's errors and, as far as the file can be read, whatever else there is to say."""
    try:
        raw = _read(file)
        document = parse_yaml(raw, str(file))
    except ConfigError as error:
        return Linted((from_loader(error, str(file)),))
    try:
        service = read_service(file, document, raw, variables)
    except (ConfigError, ConfigErrors) as error:
        return _lint_rest(file, document, raw, variables, error)
    subject = Subject(service, document, raw.decode("utf-8"))
    found = [*check(subject), *_failing(service)]
    over = [(path, _read_quietly(path)) for path in overlays.get(service.name, ())]
    return _lint_overlays(service, raw, variables, over, found)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigError(f"The file cannot be read: {error.strerror}.", Place(str(file))) from error


def _read_quietly(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None


def _lint_overlays(
    service: Service,
    raw: bytes,
    variables: Variables,
    over: Sequence[tuple[Path, bytes | None]],
    found: list[Finding],
) -> Linted:
    read = [(path, content) for path, content in over if content is not None]
    found += [
        from_loader(ConfigError("The overlay cannot be read.", Place(str(path))), str(path))
        for path, content in over
        if content is None
    ]
    try:
        laid = lay_over(service, raw, variables, read).service
    except (ConfigError, ConfigErrors) as error:
        return Linted((*found, *_loader_findings(error, str(service.file))), service)
    return Linted(tuple(found), laid)


def _loader_findings(error: ConfigError | ConfigErrors, file: str) -> list[Finding]:
    errors = error.errors if isinstance(error, ConfigErrors) else (error,)
    return [from_loader(each, file) for each in errors]


def _lint_rest(
    file: Path, document: Yaml, raw: bytes, variables: Variables, error: ConfigError | ConfigErrors
) -> Linted:
    """What can be said of the other actions, where only some of them cannot be read."""
    found = _loader_findings(error, str(file))
    try:
        service = read_service(file, _without_broken(document, found), raw, variables)
    except (ConfigError, ConfigErrors):
        return Linted(tuple(found))
    kept = [
        each for each in check(Subject(service, document, raw.decode())) if not each.name.startswith("unused")
    ]
    return Linted((*found, *kept))


def _without_broken(document: Yaml, found: Sequence[Finding]) -> Yaml:
    """The template without the actions that hold one of these places."""
    nodes = items(child(document, "actions"))
    starts = [_position(node.place) for node in nodes]
    ends = [*starts[1:], (1 << 30, 0)][: len(starts)]
    broken = {
        index
        for index, (start, end) in enumerate(zip(starts, ends, strict=True))
        if any(start <= _position(finding.place) < end for finding in found)
    }
    kept = Yaml([node for index, node in enumerate(nodes) if index not in broken], document.place)
    members = document.value if isinstance(document.value, dict) else {}
    return replace(document, value={key: _kept(key, item, kept) for key, item in members.items()})


def _kept(key: Key, item: Yaml, actions: Yaml) -> Yaml:
    return actions if key.text == "actions" else item


def _position(place: Place) -> tuple[int, int]:
    return place.line or 0, place.column or 0


def _failing(service: Service) -> list[Finding]:
    return [
        Finding(
            result.place,
            Severity.ERROR,
            "example-fails",
            f"The example {result.name} fails: {'; '.join(result.wrong)}.",
            "Mend the example or the template: secondsig template explain shows what happens to it.",
        )
        for result in run_examples(service)
        if not result.ok
    ]
