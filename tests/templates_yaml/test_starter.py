"""What the templates of the first day promise to a security team."""

import pytest

from gateway.errors import Refusal
from gateway.model import Caller, Request, Unit
from gateway.templates import Library
from gateway.templates.compiled import Compiled
from tests.templates_yaml.walk import FOLDER

LIBRARY = Library.load(
    [FOLDER / f"{name}.yaml" for name in ("github", "playground", "stripe")], compiled=Compiled.usual()
)


def test_nothing_that_only_reads_is_in_a_dangerous_group() -> None:
    for action in LIBRARY.actions():
        if action.access == "read":
            assert set(action.groups) <= {"unmatched"}, action.id


CLONE = [
    ("GET", "/acme/site.git/info/refs?service=git-upload-pack", "fetch_refs"),
    ("POST", "/acme/site.git/git-upload-pack", "fetch"),
    ("GET", "/acme/site/info/refs?service=git-upload-pack", "fetch_refs"),
    ("POST", "/acme/site/git-upload-pack", "fetch"),
    ("GET", "/acme/site.git/info/refs?service=git-receive-pack", "push_refs"),
]


@pytest.mark.parametrize(("method", "target", "name"), CLONE)
def test_a_clone_only_reads(method: str, target: str, name: str) -> None:
    headers = (("Content-Type", "application/x-git-upload-pack-request"), ("Content-Encoding", "gzip"))
    caller = Caller("a", "t", None, "127.0.0.1")
    sent = Request(
        caller,
        method,
        "https",
        "github.com",
        443,
        target,
        headers,
        b"\x1f\x8bpack" if method == "POST" else b"",
    )
    (unit,) = LIBRARY.map(sent).units
    assert (unit.action, unit.access, unit.risk) == (f"/github/git/{name}", "read", "low")
    assert unit.resource.id == "acme/site"


LINE = b"0" * 40 + b" " + b"1" * 40 + b" refs/heads/main\0 report-status"
PUSH = b"%04x%s0000PACK" % (len(LINE) + 4, LINE)


def test_a_push_is_a_write_that_steps_up() -> None:
    unit = asked("github.com", "POST", "/acme/site.git/git-receive-pack", PUSH)
    assert (unit.access, unit.risk) == ("write", "step_up")


def test_a_push_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(Refusal):
        asked("github.com", "POST", "/acme/site.git/git-receive-pack", PUSH[:-8])


def asked(host: str, method: str, target: str, body: bytes = b"", kind: str = "") -> Unit:
    headers = (("Content-Type", kind),) if kind else ()
    caller = Caller("a", "t", None, "127.0.0.1")
    (unit,) = LIBRARY.map(Request(caller, method, "https", host, 443, target, headers, body)).units
    return unit


@pytest.mark.parametrize("force", ["true", '"true"', "1", '"yes"', "[]", '"false"', "0"])
def test_a_forced_push_in_another_spelling_steps_up(force: str) -> None:
    body = f'{{"sha":"abc","force":{force}}}'.encode()
    unit = asked("api.github.com", "PATCH", "/repos/acme/site/git/refs/heads/main", body)
    assert (unit.action, unit.risk) == ("/github/ref/force", "step_up")
    assert "destructive" in unit.groups


@pytest.mark.parametrize(
    "settings",
    ['"visibility":"public"', '"visibility":"internal"', '"visibility":1', '"private":false', '"private":0',
     '"private":"false"', '"private":"true"', '"private":""', '"visibility":"private","private":true'],
)  # fmt: skip
def test_a_repository_made_public_in_another_spelling_steps_up(settings: str) -> None:
    for path in ("/repos/acme/site", "/repositories/42"):
        unit = asked("api.github.com", "PATCH", path, f"{{{settings}}}".encode())
        assert unit.risk == "step_up"
        assert "access" in unit.groups
        assert unit.action != "/github/repo/update"


@pytest.mark.parametrize("first", ["/", "%2F", "%2f"])
@pytest.mark.parametrize("second", ["/", "%2F"])
@pytest.mark.parametrize("third", ["/", "%2F"])
@pytest.mark.parametrize("repo", ["repos/acme/site", "repositories/42"])
def test_a_workflow_behind_encoded_slashes_is_no_plain_file(
    first: str, second: str, third: str, repo: str
) -> None:
    path = f"/{repo}/contents/.github{first}work%66lows{second}a{third}ci.yml"
    unit = asked("api.github.com", "PUT", path, b'{"content":"aGk="}')
    assert (unit.action, unit.risk) == ("/github/repo/put_workflow", "step_up")
    assert "execute" in unit.groups


@pytest.mark.parametrize("suffix", [".GIT", ".Git", ".giT", ".git.git", ".GIT.git", "%2EGIT"])
def test_another_spelling_of_dot_git_is_not_another_repository(suffix: str) -> None:
    for method, rest in (
        ("GET", "info/refs?service=git-receive-pack"),
        ("POST", "git-receive-pack"),
        ("POST", "git-upload-pack"),
    ):
        assert asked("github.com", method, f"/acme/site{suffix}/{rest}").risk == "forbid"
    for method, rest in (("DELETE", ""), ("GET", "/contents/x"), ("PATCH", "/git/refs/heads/main")):
        assert asked("api.github.com", method, f"/repos/acme/site{suffix}{rest}").risk == "forbid"


@pytest.mark.parametrize("name", ["git", "x.gi", "digit", "x.git-", "t", "it", ".github", "x.gitt", "xgit"])
def test_a_name_that_only_resembles_dot_git_stays_a_name(name: str) -> None:
    assert asked("api.github.com", "DELETE", f"/repos/acme/{name}").resource.id == f"acme/{name}"
    for spelling in (name, f"{name}.git"):
        pushed = asked("github.com", "POST", f"/acme/{spelling}/git-receive-pack", b"0000")
        assert pushed.resource.id == f"acme/{name}"


@pytest.mark.parametrize(
    ("host", "method", "target", "body"),
    [
        ("api.github.com", "PUT", "/repos/acme/site/contents/x", b'{"content":"aGk="}'),
        ("github.com", "POST", "/acme/site.git/git-receive-pack", PUSH),
        ("playground.secondsig.internal", "PUT", "/v1/files/a.txt", b"a"),
    ],
)
def test_one_more_byte_is_not_another_intent(host: str, method: str, target: str, body: bytes) -> None:
    assert asked(host, method, target, body) == asked(host, method, target, body + b" ")


def test_a_cancellation_that_also_charges_steps_up() -> None:
    body = b"cancel_at_period_end=true&items[0][price]=price_9&proration_behavior=always_invoice"
    unit = asked(
        "api.stripe.com", "POST", "/v1/subscriptions/sub_1", body, "application/x-www-form-urlencoded"
    )
    assert (unit.risk, unit.groups) == ("step_up", ("payment",))


@pytest.mark.parametrize(
    "target",
    [
        "/v1/issuing/cards/ic_1?expand[]=number",
        "/v1/issuing/cards/ic_1?Expand[]=cvc",
        "/v1/apps/secrets/find?name=k",
    ],
)
def test_a_read_that_hands_out_a_secret_is_no_read(target: str) -> None:
    unit = asked("api.stripe.com", "GET", target)
    assert (unit.access, unit.risk, unit.groups) == ("write", "step_up", ("credential",))


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "multipart/form-data; boundary=B", "application/json, text/plain"]
)
def test_a_card_in_a_body_that_cannot_be_read_is_never_shown(kind: str) -> None:
    with pytest.raises(Refusal):
        asked("api.stripe.com", "POST", "/v1/tokens", b"card[number]=4242424242424242", kind)


SECRETS = [
    ("github", "secret/put", "json:/encrypted_value"),
    ("github", "hook/create", "json:/config/secret"),
    ("stripe", "payment_method/create", "arg:card[number]"),
    ("stripe", "payment_method/create", "arg:card[cvc]"),
    ("stripe", "payment_method/create", "arg:bank_account[account_number]"),
    ("stripe", "payment_method/create", "arg:sepa_debit[iban]"),
    ("stripe", "payment_method/create", "arg:pii[id_number]"),
    ("stripe", "payment_intent/confirm", "arg:payment_method_data[card][number]"),
]


@pytest.mark.parametrize(("service", "name", "selector"), SECRETS)
def test_what_is_secret_is_hidden(service: str, name: str, selector: str) -> None:
    (action,) = (action for action in LIBRARY.services[service].actions if action.id == name)
    assert selector in (*action.redact, *action.secret)
