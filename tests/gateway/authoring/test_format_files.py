from gateway.authoring.format_files import OVERLAY, TEMPLATE


def test_a_template_needs_what_names_it_and_its_hosts() -> None:
    needed = [key.name for key in TEMPLATE.keys if key.needed]
    assert needed == ["format", "service", "namespace", "version", "hosts"]


def test_an_overlay_says_what_it_is_for() -> None:
    assert [key.name for key in OVERLAY.keys if key.needed] == ["overlay", "requires"]
