"""What a phone reads when the pages are put on its home screen."""

import json
import struct

from tests.approve_ui.fake_gateway import UI

MANIFEST = json.loads((UI / "static" / "manifest.webmanifest").read_text())


def test_the_app_opens_the_queue_in_a_window_of_its_own() -> None:
    assert (MANIFEST["display"], MANIFEST["start_url"], MANIFEST["scope"]) == (
        "standalone",
        "/app/approvals",
        "/",
    )


def test_the_apps_icons_are_there_in_the_sizes_it_names() -> None:
    sizes = set()
    for each in MANIFEST["icons"]:
        raw = (UI / each["src"].lstrip("/")).read_bytes()
        if each["type"] == "image/png":
            width, height = struct.unpack("!II", raw[16:24])
            assert each["sizes"] == f"{width}x{height}"
            sizes.add((width, each["purpose"]))
    assert sizes == {(192, "any"), (512, "any"), (512, "maskable")}
