import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Reason, Refusal
from gateway.formats.git_push import MAX_COMMANDS, MAX_LINES, Push, RefUpdate, parse_push, read_push

ZERO, A, B = "0" * 40, "a" * 40, "b" * 40
CAPABILITIES = "\0 report-status-v2 side-band-64k quiet object-format=sha1 agent=git/2.39.5"


def line(text: str | bytes) -> bytes:
    raw = text.encode() if isinstance(text, str) else text
    return b"%04x" % (len(raw) + 4) + raw


def push(*commands: str, capabilities: str = CAPABILITIES, rest: bytes = b"PACK\0\0\0\2") -> bytes:
    first, *others = commands
    return b"".join([line(first + capabilities), *map(line, others), b"0000", rest])


def refused(raw: bytes) -> str:
    with pytest.raises(Refusal) as caught:
        parse_push(raw)
    assert caught.value.reason is Reason.AMBIGUOUS_REQUEST
    return caught.value.detail


def test_every_update_is_read_in_order() -> None:
    raw = push(f"{ZERO} {A} refs/heads/new", f"{A} {B} refs/heads/main\n", f"{A} {ZERO} refs/tags/v1")
    assert parse_push(raw) == (
        RefUpdate("refs/heads/new", ZERO, A, "create"),
        RefUpdate("refs/heads/main", A, B, "update"),
        RefUpdate("refs/tags/v1", A, ZERO, "delete"),
    )


def test_what_git_itself_sends_is_read() -> None:
    """Recorded from `git push -o ci.skip main b2` of git 2.39.5."""
    old_and_new = b"0" * 40 + b" f2099184bd2bb52b99699a90a622d67cdb67da1c"
    raw = (
        b"00bc" + old_and_new + b" refs/heads/main\0 report-status-v2 side-band-64k quiet push-options"
        b" object-format=sha1 agent=git/2.39.50063" + old_and_new + b" refs/heads/b20000000bci.skip0000"
        b"PACK\0\0\0\2\0\0\0\2\x94\7"
    )
    found = read_push(raw)
    assert [update.ref for update in found.updates] == ["refs/heads/main", "refs/heads/b2"]
    assert found.options == ("ci.skip",)


def test_a_probe_updates_nothing() -> None:
    assert parse_push(b"0000") == (RefUpdate("", "", "", "probe"),)
    assert "names no ref" in refused(b"0000PACK")
    assert "names no ref" in refused(b"00000000")


def test_a_delete_needs_no_pack() -> None:
    assert parse_push(push(f"{A} {ZERO} refs/heads/x", rest=b""))[0].op == "delete"


def test_shallow_lines_come_first() -> None:
    body = push(f"{A} {B} refs/heads/x")
    assert parse_push(line(f"shallow {A}\n") + body) == parse_push(body)
    refused(push(f"{A} {B} refs/heads/x", f"shallow {A}"))
    refused(line(f"shallow {A}\0 x") + body)
    assert "names no ref" in refused(line(f"shallow {A}") + b"0000")


def test_sha256_objects_are_read_and_never_mixed() -> None:
    long = f"{'0' * 64} {'c' * 64} refs/heads/x"
    capability = "\0 object-format=sha256"
    assert parse_push(push(long, capabilities=capability))[0].new == "c" * 64
    assert "mixes" in refused(push(long))
    assert "mixes" in refused(push(long, f"{A} {B} refs/heads/y", capabilities=""))
    assert "mixes" in refused(push(long, capabilities=capability + " object-format=sha1"))
    assert "mixes" in refused(push(long, capabilities="\0 object-format=md5"))
    refused(push(f"{A} {'c' * 64} refs/heads/x"))


def test_a_signed_push_that_hides_its_updates_is_refused() -> None:
    assert "--signed" in refused(
        line("push-cert\0 report-status") + line("certificate version 0.1\n") + b"0000"
    )
    assert "--signed" in refused(push(f"push-cert {A}"))


def test_push_options_are_read_and_not_taken_for_a_pack() -> None:
    options = line("ci.skip") + line("merge_request.create\n") + b"0000"
    raw = push(f"{A} {B} refs/heads/x", capabilities="\0push-options", rest=options + b"PACK")
    assert read_push(raw) == Push(
        (RefUpdate("refs/heads/x", A, B, "update"),), ("ci.skip", "merge_request.create")
    )
    assert "not a pack" in refused(push(f"{A} {B} refs/heads/x", rest=options + b"PACK"))
    assert "cut short" in refused(push(f"{A} {B} refs/heads/x", capabilities="\0push-options", rest=b"PACK"))
    hostile = push(f"{A} {B} refs/heads/x", capabilities="\0push-options", rest=line("a\x1b[2Jb") + b"0000")
    assert "control characters" in refused(hostile)


def test_a_second_command_list_after_the_flush_is_refused() -> None:
    assert "not a pack" in refused(
        push(f"{A} {B} refs/heads/x", rest=line(f"{A} {ZERO} refs/heads/main") + b"0000")
    )


def test_one_ref_updated_twice_is_refused() -> None:
    assert "twice" in refused(push(f"{A} {B} refs/heads/x", f"{A} {ZERO} refs/heads/x"))


def test_an_update_from_nothing_to_nothing_is_refused() -> None:
    assert "nothing to nothing" in refused(push(f"{ZERO} {ZERO} refs/heads/x"))


@pytest.mark.parametrize(
    "ref",
    [
        "",
        "HEAD",
        "main",
        "/refs/heads/x",
        "refs/",
        "refs/heads/",
        "refs/heads/.x",
        "refs/heads/x.",
        "refs/heads/x.lock",
        "refs/heads/x.lock/y",
        "refs/heads/a..b",
        "refs/heads//x",
        "refs/heads/a b",
        "refs/heads/a~1",
        "refs/heads/a^",
        "refs/heads/a:b",
        "refs/heads/a?",
        "refs/heads/a*",
        "refs/heads/a[b",
        "refs/heads/a\\b",
        "refs/heads/a@{1}",
        "refs/heads/a\x7f",
        "refs/heads/a\tb",
        "Refs/heads/x",
        "refs/heads/x\n",
    ],
)
def test_a_ref_that_git_would_not_take_is_refused(ref: str) -> None:
    refused(push(f"{A} {B} {ref}", capabilities="\0 x" if ref.endswith("\n") else ""))


def test_a_ref_that_is_not_utf8_is_refused() -> None:
    assert "UTF-8" in refused(line(f"{A} {B} refs/heads/".encode() + b"\xff") + b"0000")
    assert "UTF-8" in refused(line(f"{A} {B} refs/heads/x\0".encode() + b"\xff") + b"0000")


@pytest.mark.parametrize(
    "command",
    [
        f"{A} {B}",
        A,
        "",
        f"{A}  {B} refs/heads/x",
        f"{A[:39]} {B} refs/heads/x",
        f"{'A' * 40} {B} refs/heads/x",
        f"{A}\t{B}\trefs/heads/x",
    ],
)
def test_a_malformed_update_is_refused(command: str) -> None:
    refused(push(command))


def test_capabilities_hidden_in_a_later_line_are_refused() -> None:
    refused(push(f"{A} {B} refs/heads/x", f"{A} {B} refs/heads/y\0 push-options"))
    assert "capabilities" in refused(push(f"{A} {B} refs/heads/x", capabilities="\0 a\0push-options"))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"0",
        b"000",
        b"0001",
        b"0002",
        b"0003",
        b"0004",
        b"0005",
        b"00g0",
        b"+0005x",
        b"0006x",
        b"fff1" + b"x" * 65_525,
        b" 006ab0000",
        b"0\n06ab0000",
    ],
)
def test_a_broken_frame_is_refused(raw: bytes) -> None:
    assert "cut short" in refused(raw)


@pytest.mark.parametrize("count", [MAX_COMMANDS + 1, MAX_LINES + 1])
def test_a_flood_of_updates_is_refused(count: int) -> None:
    with pytest.raises(Refusal) as caught:
        parse_push(push(*(f"{A} {B} refs/heads/{n}" for n in range(count))))
    assert caught.value.reason is Reason.BODY_TOO_LARGE


_oids = st.sampled_from([ZERO, A, B, "c" * 64, "x"])
_refs = st.sampled_from(["refs/heads/a", "refs/heads/b", "refs/tags/v1", "HEAD"]) | st.text(max_size=6)
_ends = st.sampled_from(["", "\n", CAPABILITIES, "\0push-options", "\0"])
_commands = st.builds(
    lambda old, new, ref, end: line(f"{old} {new} {ref}{end}".encode("utf-8", "replace")),
    _oids,
    _oids,
    _refs,
    _ends,
)
_pieces = (
    _commands
    | st.sampled_from([b"0000", b"0001", b"PACK", line("a"), line(f"shallow {A}")])
    | st.binary(max_size=6)
)


@given(st.lists(_pieces, max_size=6).map(b"".join) | st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    try:
        updates = parse_push(raw)
    except Refusal:
        return
    for update in updates:
        if update.op != "probe":
            assert f"{update.old} {update.new} {update.ref}".encode() in raw
