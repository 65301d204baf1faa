import pytest

from gateway.errors import ConfigError, ConfigErrors
from gateway.model import Approval, Bind, Mode
from gateway.templates.asking import merged, read_asking, read_bind, read_leaves
from gateway.templates.variables import plain_value
from tests.gateway.templates.making import yaml


def test_approval() -> None:
    full = (
        "{ttl: 2m, quorum: 2, mode: hold, hold_for: 50s, approvers: 'Group::\"platform\"', single_use: true}"
    )
    assert read_asking(yaml(full)).approval == Approval(
        120, 2, Mode.HOLD, 50, 'Group::"platform"', None, single_use=True
    )
    assert read_asking(None).approval == Approval()
    assert read_asking(yaml("{hold_for: auto}")).approval.hold_for == "auto"
    batch = read_asking(yaml("{batch: '{owner}/{repo}'}")).batch
    assert batch is not None
    assert batch.render({"owner": "a", "repo": "b"}) == "a/b"


def test_bind() -> None:
    assert read_bind(None) == Bind()
    made = read_bind(
        yaml(
            "{body: decoded, volatile: ['header:Idempotency-Key', 'json:/nonce'], credential: 'header:X-Key'}"
        )
    )
    assert made == Bind("decoded", ("header:Idempotency-Key", "json:/nonce"), "header:X-Key")


def test_an_actions_own_members_win_over_the_defaults() -> None:
    both = merged(yaml("{a: 1, b: 2}"), yaml("{b: 3, c: 4}"))
    assert both is not None
    assert plain_value(both) == {"c": 4, "a": 1, "b": 2}
    assert merged(None, both) is both
    assert merged(both, None) is both


@pytest.mark.parametrize(
    ("read", "text", "says"),
    [
        (read_asking, "{ttl: 2d}", "2m or 1h"),
        (read_asking, "{ttl: 25h}", "at most 1440m"),
        (read_asking, "{quorum: 6}", "from 1 to 5"),
        (read_asking, "{quorum: 0}", "from 1 to 5"),
        (read_asking, "{mode: wait}", "Known are: async, hold, reject."),
        (read_asking, "{approvers: platform}", "must name a group"),
        (read_asking, "{approvers: 'Group::\"a\" || true'}", "must name a group"),
        (read_asking, "{single_use: 1}", "true or false"),
        (read_asking, "{batch: x}", "must hold names"),
        (read_asking, "{qorum: 2}", 'Did you mean "quorum"?'),
        (read_bind, "{body: fuzzy}", "cannot be 'fuzzy'"),
        (read_bind, "{volatile: [path.x]}", "cannot be volatile"),
        (read_bind, "{volatile: [body.bytes]}", "cannot be volatile"),
        (read_bind, "{volatile: ['json:/a/*']}", "names many values"),
        (read_bind, "{volatile: ['header:Content-Type']}", "says how the request is read"),
        (read_bind, "{credential: token}", "does not say where"),
        (read_bind, "{volatil: []}", "Did you mean"),
    ],
)
def test_wrong_askings_are_errors(read: object, text: str, says: str) -> None:
    assert callable(read)
    with pytest.raises((ConfigError, ConfigErrors)) as caught:
        read(yaml(text))
    assert says in str(caught.value)


def test_redactions_may_have_wildcards() -> None:
    assert read_leaves([yaml("'json:/a/*'")], "redact") == ("json:/a/*",)


@pytest.mark.parametrize("what", ["redact", "secret"])
def test_what_says_how_a_body_is_read_cannot_be_hidden(what: str) -> None:
    with pytest.raises(ConfigError, match="always shown"):
        read_leaves([yaml("'header:Content-Type'")], what)
    assert read_leaves([yaml("'header:X-Note'")], what) == ("header:X-Note",)
