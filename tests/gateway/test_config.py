import contextlib
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.config import NOT_SETTINGS, config_path, home, load_settings
from gateway.envelopes import Cap, Caps
from gateway.errors import ConfigError, ConfigErrors
from gateway.installation import STARTER
from gateway.model import Mode, ServiceMode
from gateway.settings import (
    Address,
    Approvals,
    Escalation,
    Judge,
    Limits,
    Listen,
    PagesTls,
    Service,
    Settings,
    Upstream,
)

EVERYTHING = """\
state: data
policy: rules/policy.cedar
entities: rules/entities.json
name: The treasury's gateway
listen: {proxy: "[::1]:3128", pages: "localhost:9443"}
public_url: https://sign.example
pages_tls: {certificate: tls/c.pem, key: /etc/k.pem}
templates:
  playground:
  github: {mode: watch, vars: {org: acme, repos: [a, b], n: 3}}
  pinned: {mode: off}
template_files: [mine/shop.yaml, /abs/other.yaml]
approvals:
  ttl: 90s
  mode: reject
  hold_for: 20s
  join: run
  deny_for: 5m
  max_quorum: 3
  owner_may_approve: true
  escalate: [{after: 1m, to: managers}, {to: oncall, after: 30s}]
  retention: 48h
  session: 1h
  max_ttl: 12h
limits: {body: 1000, step_up_body: 500, denials_in_a_row: 3, disk_reserve: 0,
  questions: {agent: {waiting: 7}, everybody: {hour: 50}}}
upstream:
  ca: roots.pem
  connect_to: {"API.example:443": "127.0.0.1:9"}
  allow: [10.0.0.0/8, 127.0.0.1, "fd00::/8"]
unknown_hosts: watch
trusted_hosts: [Crates.IO]
ca_hosts: [Api.Example]
config_trust: files
"""


def load(folder: Path, text: str, **environment: str) -> Settings:
    file = folder / "secondsig.yaml"
    file.write_text(text, encoding="utf-8")
    return load_settings(file, environment)


def wrong(folder: Path, text: str, **environment: str) -> str:
    with pytest.raises((ConfigError, ConfigErrors)) as error:
        load(folder, text, **environment)
    return str(error.value)


def test_every_setting_is_read(tmp_path: Path) -> None:
    assert load(tmp_path, EVERYTHING) == Settings(
        file=tmp_path / "secondsig.yaml",
        state=tmp_path / "data",
        policy=tmp_path / "rules/policy.cedar",
        entities=tmp_path / "rules/entities.json",
        name="The treasury's gateway",
        listen=Listen(Address("::1", 3128), Address("localhost", 9443)),
        public_url="https://sign.example",
        pages_tls=PagesTls(tmp_path / "tls/c.pem", Path("/etc/k.pem")),
        templates={
            "playground": Service(),
            "github": Service(ServiceMode.WATCH, {"org": "acme", "repos": ["a", "b"], "n": 3}),
            "pinned": Service(ServiceMode.OFF),
        },
        template_files=(tmp_path / "mine/shop.yaml", Path("/abs/other.yaml")),
        approvals=Approvals(
            90,
            Mode.REJECT,
            20,
            "run",
            300,
            3,
            owner_may_approve=True,
            retention=172_800,
            session=3600,
            escalate=(Escalation(30, "oncall"), Escalation(60, "managers")),
            max_ttl=43_200,
        ),
        limits=Limits(
            1000,
            500,
            Caps(Cap(7, 30, 60), Cap(60, 60, 300), Cap(200, 120, 50)),
            denials_in_a_row=3,
            disk_reserve=0,
        ),
        upstream=Upstream(
            tmp_path / "roots.pem",
            {"api.example:443": Address("127.0.0.1", 9)},
            (ip_network("10.0.0.0/8"), ip_network("127.0.0.1/32"), ip_network("fd00::/8")),
        ),
        unknown_hosts="watch",
        trusted_hosts=("crates.io",),
        ca_hosts=("api.example",),
        config_trust="files",
    )


@pytest.mark.parametrize("text", ["", "\n", "# only a remark\n"])
def test_an_empty_configuration_is_the_safe_start(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, text) == Settings(
        file=tmp_path / "secondsig.yaml",
        state=tmp_path / "state",
        policy=tmp_path / "policy.cedar",
        entities=tmp_path / "entities.json",
        templates={"playground": Service()},
    )


def test_the_starter_is_a_configuration(tmp_path: Path) -> None:
    made = load(tmp_path, STARTER)
    assert made.approvals.owner_may_approve
    assert list(made.templates) == ["playground"]
    assert made.unknown_hosts == "refuse"


@pytest.mark.parametrize(
    ("text", "word", "near"),
    [
        ("polcy: x\n", '"polcy"', '"policy"'),
        ("trusted_host: [x]\n", '"trusted_host"', '"trusted_hosts"'),
        ("approvals: {owner_may_aprove: false}\n", '"owner_may_aprove"', '"owner_may_approve"'),
        ("listen: {prox: a:1}\n", '"prox"', '"proxy"'),
        ("limits: {bodies: 1}\n", '"bodies"', '"body"'),
        ("upstream: {allows: []}\n", '"allows"', '"allow"'),
        ("pages_tls: {certificate: a, key: b, kee: c}\n", '"kee"', '"key"'),
        ("templates: {github: {modus: off}}\n", '"modus"', '"mode"'),
    ],
)
def test_a_misspelt_setting_is_an_error_with_its_place_and_a_suggestion(
    tmp_path: Path, text: str, word: str, near: str
) -> None:
    said = wrong(tmp_path, text)
    assert word in said
    assert f"Did you mean {near}?" in said
    assert f"{tmp_path / 'secondsig.yaml'}:1:" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a\n", "must be a mapping"),
        ("listen: {proxy: 8080}\n", "must be an address and a port"),
        ("listen: {proxy: ':8080'}\n", "must be an address and a port"),
        ("listen: {proxy: 'a:65536'}\n", "must be an address and a port"),
        ("listen: {proxy: 'a:-1'}\n", "must be an address and a port"),
        ("listen: {proxy: 'a:http'}\n", "must be an address and a port"),
        ("listen: {proxy: 'a:²'}\n", "must be an address and a port"),
        ("public_url: http://sign.example\n", "must be an https address without a path"),
        ("public_url: https://sign.example/path\n", "without a path"),
        ("public_url: https://sign.example?x=1\n", "without a path"),
        ("public_url: https://\n", "https address"),
        ("public_url: sign.example\n", "https address"),
        ("public_url: javascript://sign.example\n", "https address"),
        ("judge: {url: http://judge.example/fits}\n", "https, or http on this machine"),
        ("judge: {url: 'https://me:secret@judge.example/fits'}\n", "https, or http on this machine"),
        ("judge: {url: judge.example}\n", "https, or http on this machine"),
        ("judge: {timeout: 2m}\n", "at most 1m"),
        ("pages_tls: {certificate: a}\n", 'needs "key"'),
        ("templates: [github]\n", "must be a mapping"),
        ("templates: {github: {mode: on}}\n", "cannot be"),
        ("approvals: {ttl: 0s}\n", "a time of at most"),
        ("approvals: {ttl: 25h}\n", "a time of at most"),
        ("approvals: {ttl: 60}\n", "a time of at most"),
        ("approvals: {mode: later}\n", "cannot be 'later'"),
        ("approvals: {max_ttl: 25h}\n", "a time of at most"),
        ("approvals: {ttl: 6m}\n", '"ttl" is longer than "max_ttl" allows (300 seconds)'),
        ("approvals: {ttl: 2h, max_ttl: 1h}\n", "allows (3600 seconds)"),
        ("approvals: {join: anybody}\n", "cannot be 'anybody'"),
        ("approvals: {max_quorum: 0}\n", "whole number from 1 to 5"),
        ("approvals: {max_quorum: 6}\n", "whole number from 1 to 5"),
        ("approvals: {max_quorum: true}\n", "whole number from 1 to 5"),
        ("approvals: {owner_may_approve: 'yes'}\n", "must be true or false"),
        ("approvals: {hold_for: soon}\n", "a time of at most"),
        ("approvals: {escalate: [{after: 30, to: oncall}]}\n", "a time of at most"),
        ("approvals: {escalate: [{after: 30s}]}\n", '"to"'),
        ("approvals: {escalate: [{after: 30s, to: a, group: b}]}\n", '"group"'),
        ("approvals: {escalate: [{after: 30s, to: a}, {after: 30s, to: a}]}\n", "there twice"),
        ("limits: {step_up_body: 2000000}\n", "whole number"),
        ("limits: {disk_reserve: -1}\n", "whole number"),
        ("upstream: {allow: [everywhere]}\n", "'everywhere' is not a network"),
        ("upstream: {connect_to: {a: b}}\n", "must be an address and a port"),
        ("unknown_hosts: allow\n", "cannot be 'allow'"),
        ("config_trust: nobody\n", "cannot be 'nobody'"),
        ("state: 5\n", "must be a text"),
        ("a: 1\na: 2\n", "a"),
    ],
)
def test_a_setting_that_cannot_be_is_a_sentence_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    told = wrong(tmp_path, text)
    assert said in told
    assert told.startswith(f"{tmp_path / 'secondsig.yaml'}:")


@pytest.mark.parametrize(
    "url",
    [
        "https://sign.example#x",
        "https://user:password@sign.example",
        "https://sign.example:443",
        "https://SIGN.example",
        "https://sign.example:99999",
    ],
)
def test_a_public_url_is_exactly_what_a_browser_calls_an_origin(tmp_path: Path, url: str) -> None:
    """Anything else never equals the Origin that browsers send, so nobody could sign."""
    try:
        made = load(tmp_path, f"public_url: {url}\n")
    except (ConfigError, ConfigErrors):
        return
    assert made.origin == "https://sign.example"


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    said = wrong(tmp_path, "polcy: x\nunknown_hosts: allow\napprovals: {max_quorum: 9}\n")
    assert all(word in said for word in ("polcy", "unknown_hosts", "max_quorum"))


def test_a_configuration_that_is_not_there_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read.*Make one: secondsig init"):
        load_settings(tmp_path / "secondsig.yaml", {})


@pytest.mark.parametrize("local", ["http://localhost", "http://localhost:9000", "https://a.example:8443"])
def test_a_public_url_may_be_https_or_this_machine(tmp_path: Path, local: str) -> None:
    assert load(tmp_path, f"public_url: {local}/\n").origin == local


def test_an_ipv6_address_is_read_out_of_its_brackets(tmp_path: Path) -> None:
    assert load(tmp_path, 'listen: {proxy: "[::1]:80"}\n').listen.proxy == Address("::1", 80)


@pytest.mark.parametrize(("value", "read"), [("auto", "auto"), ("30s", 30)])
def test_how_long_a_connection_is_held(tmp_path: Path, value: str, read: object) -> None:
    assert load(tmp_path, f"approvals: {{hold_for: {value}}}\n").approvals.hold_for == read


def test_tokens_never_cross_a_network_in_the_clear(tmp_path: Path) -> None:
    assert "on this machine alone" in wrong(tmp_path, "listen: {proxy: '0.0.0.0:8080'}\n")
    assert "on this machine alone" in wrong(tmp_path, "", SECONDSIG_LISTEN_PROXY="10.0.0.1:8080")


def test_pages_that_others_reach_need_tls(tmp_path: Path) -> None:
    open_pages = "listen: {pages: '0.0.0.0:8081'}\n"
    assert "need TLS" in wrong(tmp_path, open_pages)
    assert "need TLS" in wrong(tmp_path, open_pages + "public_url: http://localhost:1\n")
    load(tmp_path, open_pages + "public_url: https://sign.example\n")
    load(tmp_path, open_pages + "pages_tls: {certificate: c, key: k}\n")


# The environment. ----------------------------------------------------------------------------------------


def test_the_environment_overrides_each_setting(tmp_path: Path) -> None:
    made = load(
        tmp_path,
        EVERYTHING,
        SECONDSIG_NAME="other",
        SECONDSIG_UNKNOWN_HOSTS="refuse",
        SECONDSIG_LISTEN_PROXY="127.0.0.1:1",
        SECONDSIG_PAGES_TLS_CERTIFICATE="other.pem",
        SECONDSIG_APPROVALS_TTL="2m",
        SECONDSIG_APPROVALS_OWNER_MAY_APPROVE="false",
        SECONDSIG_LIMITS_DENIALS_IN_A_ROW="9",
        SECONDSIG_UPSTREAM_ALLOW="[192.168.0.0/16]",
        SECONDSIG_TEMPLATES="{playground: {mode: watch}}",
    )
    assert (made.name, made.unknown_hosts) == ("other", "refuse")
    assert made.listen == Listen(Address("127.0.0.1", 1), Address("localhost", 9443))
    assert made.pages_tls == PagesTls(tmp_path / "other.pem", Path("/etc/k.pem"))
    assert (made.approvals.ttl, made.approvals.owner_may_approve, made.approvals.join) == (120, False, "run")
    assert (made.limits.denials_in_a_row, made.limits.body) == (9, 1000)
    assert made.upstream.allow == (ip_network("192.168.0.0/16"),)
    assert made.templates == {"playground": Service(ServiceMode.WATCH)}


def test_the_environment_adds_what_the_file_does_not_say(tmp_path: Path) -> None:
    assert load(tmp_path, "", SECONDSIG_APPROVALS_JOIN="agent").approvals.join == "agent"


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("SECONDSIG_POLCY", "x", 'has no "polcy"'),
        ("SECONDSIG_APPROVALS_TLT", "1m", 'has no "tlt"'),
        ("SECONDSIG_APPROVALS_TTL", "never", "a time of at most"),
        ("SECONDSIG_LISTEN_PROXY", "", "address and a port"),
        ("SECONDSIG_NAME", "{", ""),
        ("SECONDSIG_", "x", "has no"),
    ],
)
def test_a_variable_that_is_wrong_is_named(tmp_path: Path, variable: str, value: str, said: str) -> None:
    told = wrong(tmp_path, "", **{variable: value})
    assert said in told
    assert f"the environment variable {variable}" in told


def test_variables_that_are_no_settings_and_other_programs_are_left_alone(tmp_path: Path) -> None:
    environment = {**dict.fromkeys(NOT_SETTINGS, "x"), "PATH": "/bin", "secondsig_name": "x"}
    assert load(tmp_path, "name: mine\n", **environment).name == "mine"


def test_the_real_environment_is_asked_if_none_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECONDSIG_NAME", "from outside")
    (tmp_path / "s.yaml").write_text("")
    assert load_settings(tmp_path / "s.yaml").name == "from outside"


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_whatever_stands_in_the_file_is_read_or_explained(tmp_path: Path, text: str) -> None:
    with contextlib.suppress(ConfigError, ConfigErrors):
        assert load(tmp_path, text).file == tmp_path / "secondsig.yaml"


# Where it is. --------------------------------------------------------------------------------------------


def test_the_configuration_is_where_it_was_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    environment = {"SECONDSIG_CONFIG": "named.yaml", "SECONDSIG_HOME": str(tmp_path / "home")}
    assert config_path("given.yaml", environment) == tmp_path / "given.yaml"
    assert config_path(None, environment) == tmp_path / "named.yaml"
    del environment["SECONDSIG_CONFIG"]
    assert config_path(None, environment) == tmp_path / "home" / "secondsig.yaml"
    (tmp_path / "secondsig.yaml").touch()
    assert config_path(None, environment) == tmp_path / "secondsig.yaml"


def test_home_is_the_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert home({}) == tmp_path / ".secondsig"
    assert home({"SECONDSIG_HOME": "~/x"}) == tmp_path / "x"


def test_overlays_stand_beside_the_settings(tmp_path: Path) -> None:
    path = tmp_path / "secondsig.yaml"
    path.write_text("templates: {playground: {overlays: [over.yaml, /etc/more.yaml]}}", encoding="utf-8")
    made = load_settings(path, {})
    assert made.templates["playground"].overlays == (tmp_path / "over.yaml", Path("/etc/more.yaml"))
    path.write_text("templates: {playground: {overlays: [7]}}", encoding="utf-8")
    with pytest.raises(ConfigError, match="An overlay must be a text"):
        load_settings(path, {})


def test_a_judge_is_an_address_and_a_time(tmp_path: Path) -> None:
    assert load(tmp_path, "").judge == Judge()
    assert load(tmp_path, "judge: {timeout: 9s}").judge == Judge(None, 9)
    for url in ("https://judge.example/fits", "http://127.0.0.1:9000/", "http://localhost/x?y=1"):
        assert load(tmp_path, f"judge: {{url: '{url}', timeout: 2s}}").judge == Judge(url, 2)
    assert load(tmp_path, "", SECONDSIG_JUDGE_URL="https://j.test/").judge == Judge("https://j.test/", 3)
