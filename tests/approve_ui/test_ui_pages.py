import gzip
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.approve_ui.fake_gateway import UI

PAGES = sorted((UI / "pages").glob("*.html"))
SCRIPTS = sorted((UI / "static" / "js").glob("*.js"))
LIMIT = 60_000
SIGNING = {"approve", "batch"}
SIGNING_LIMIT = 42_000

pytestmark = pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)


class Elements(HTMLParser):
    """The start tags of a page, and the text inside script and style."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inside = ""
        self.inline = ""
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.inside = tag

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside in {"script", "style"}:
            self.inline += data.strip()


def elements(page: Path) -> Elements:
    return Elements(page.read_text())


def modules(entry: Path) -> set[Path]:
    """A script and everything it imports before it runs."""
    found: set[Path] = set()
    waiting = [entry]
    while waiting:
        module = waiting.pop()
        if module in found:
            continue
        found.add(module)
        waiting += [
            module.parent / name for name in re.findall(r'(?:from|import) "\./(.+?)"', module.read_text())
        ]
    return found


def loaded(page: Path) -> set[Path]:
    """What a page fetches to be shown."""
    wanted: set[Path] = set()
    for tag, attributes in elements(page).tags:
        if tag == "script":
            wanted |= modules(UI / str(attributes["src"]).lstrip("/"))
        if tag == "link" and attributes["rel"] == "stylesheet":
            wanted.add(UI / str(attributes["href"]).lstrip("/"))
    return wanted


def fetched_later(files: set[Path]) -> set[Path]:
    """What these files fetch beside it, or once a person does what few do: signs a change, breaks glass."""
    text = "".join(file.read_text() for file in files if file.suffix == ".js")
    scripts = [UI / "static" / "js" / name for name in re.findall(r'import\("\./(.+?)"\)', text)]
    styles = {UI / "static" / f"{name}.css" for name in re.findall(r'styled\("(.+?)"\)', text)}
    more = set().union(styles, *map(modules, scripts)) - files
    return more | fetched_later(files | more) if more else more


def files_of(url: str) -> set[str]:
    """What the page at this address may ever fetch of script and style, as its tests count it."""
    path = urlsplit(url).path
    name = "approve" if path.startswith("/approve/env_") else path.rpartition("/")[2]
    files = loaded(UI / "pages" / f"{name}.html")
    return {file.relative_to(UI).as_posix() for file in files | fetched_later(files)}


def served(files: set[Path]) -> int:
    """Bytes of these files as the gateway sends them to a browser: packed when it starts."""
    return sum(len(gzip.compress(file.read_bytes(), mtime=0)) for file in files)


def test_no_inline_script_style_or_handler(page: Path) -> None:
    parsed = elements(page)
    assert parsed.inline == ""
    for tag, attributes in parsed.tags:
        assert "style" not in attributes, tag
        assert not [name for name in attributes if name.startswith("on") or name == "autofocus"], tag
        if tag == "script":
            assert str(attributes["src"]).startswith("/static/js/")
            assert attributes["type"] == "module"


def test_the_navigation_stands_in_one_place_for_all_pages(page: Path) -> None:
    places = re.findall(r"<nav[^>]*>(.*?)</nav>", page.read_text(), re.DOTALL)
    assert places in ([], [""])


def test_nothing_comes_from_another_site(page: Path) -> None:
    for _, attributes in elements(page).tags:
        for name in ("src", "href", "action"):
            assert not (attributes.get(name) or "").startswith(("http", "//", "data:", "javascript:"))


def test_every_file_the_page_names_is_there(page: Path) -> None:
    for _, attributes in elements(page).tags:
        for name in ("src", "href"):
            address = (attributes.get(name) or "").split("#")[0]
            if address.startswith("/static/"):
                assert (UI / address.lstrip("/")).is_file(), address


def test_script_and_style_of_a_page_stay_under_60_kb(page: Path) -> None:
    """Unpacked, but for the two pages that sign.

    These lay out every field of a payload and read all of it back before anybody can sign, which is most of
    their script and cannot wait: about 100 kB unpacked. They keep the bound as they are served, packed.
    """
    files = loaded(page)
    assert len(files) > 3
    if page.stem in SIGNING:
        assert served(files) < SIGNING_LIMIT
    else:
        assert sum(file.stat().st_size for file in files) < LIMIT
    assert served(files | fetched_later(files)) < LIMIT


def test_the_queue_brings_beforehand_what_the_approval_page_needs_more_and_nothing_else(page: Path) -> None:
    wanted = {
        UI / str(attributes["href"]).lstrip("/")
        for tag, attributes in elements(page).tags
        if tag == "link" and attributes["rel"] == "prefetch"
    }
    queue = page.stem == "approvals"
    assert wanted == (loaded(page.with_stem("approve")) - loaded(page) if queue else set())


def test_every_icon_a_page_or_script_asks_for_exists(page: Path) -> None:
    icons = set(re.findall(r'symbol id="([\w-]+)"', (UI / "icons.svg").read_text()))
    text = page.read_text()
    assert {use.removeprefix("#") for use in re.findall(r'<use href="(.+?)"', text)} <= icons
    for script in SCRIPTS:
        drawn = re.findall(r'icon\("([\w-]+)"\)', script.read_text())
        assert {f"icon-{name}" for name in drawn} <= icons


def test_scripts_never_write_markup(page: Path) -> None:
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|new Function|\.on[a-z]+ ="
    )
    for script in loaded(page):
        if script.suffix == ".js":
            assert not forbidden.search(script.read_text()), script.name
