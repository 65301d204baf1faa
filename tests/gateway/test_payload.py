import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.canonical import (
    bound_request,
    commitment,
    content_digest,
    jcs,
    merge_binds,
    request_digest,
    sha256,
)
from gateway.errors import Reason, Refusal
from gateway.model import (
    Approval,
    Bind,
    Decision,
    Effect,
    EntityRef,
    Mapped,
    Money,
    PolicyReason,
    Request,
    Risk,
    SummaryPart,
    Undo,
    Unit,
)
from gateway.payload import (
    MAX_HEX,
    MAX_SHEET,
    About,
    Sheet,
    asked_about,
    challenge,
    context_text,
    derived_salt,
    for_signer,
    list_summary,
    make_sheet,
    money_text,
    utc,
)
from tests.kit.clocks import START
from tests.kit.things import (
    GATEWAY,
    KEYS,
    OBSERVED,
    RP_ID,
    a_caller,
    a_mapped,
    a_request,
    a_unit,
    body_of,
    with_header,
)

ABOUT = About(
    gateway=GATEWAY,
    rp_id=RP_ID,
    envelope="env_1",
    team="platform",
    owner="Mika",
    quorum=2,
    opened_at=START,
    expires_at=START + 60,
    purpose="to pay for tea",
    intent_risk="high",
    intent_risk_reasons=("moves money",),
    observed=OBSERVED,
    policy_digest="p" * 64,
    config_digest="c" * 64,
    config_trust="files",
    salt=b"\x0a" * 16,
    hidden_salt=b"\x0b" * 16,
)
DECISION = Decision(Effect.STEP_UP, (PolicyReason("payments", "A person signs."), PolicyReason("bare")), 2)


def sheet(
    request: Request | None = None,
    *units: Unit,
    kind: str = "json",
    decision: Decision = DECISION,
    about: About = ABOUT,
) -> Sheet:
    wanted, mapped = request or a_request(), a_mapped(*units)
    body = body_of(wanted, kind)
    bound = bound_request(wanted, merge_binds(mapped.units), body, KEYS.digest)
    return make_sheet(wanted, mapped, decision, body, bound, about)


def fields(made: Sheet) -> dict[str, Any]:
    return dict(made.shared["request"]["body"]["fields"])


def headers(made: Sheet) -> dict[str, Any]:
    return dict(made.shared["request"]["headers"])


def text_of(made: Sheet) -> str:
    return for_signer(made.shared, decision="approve", approver="Mika").decode()


# Everything is said. -------------------------------------------------------------------------------------


def test_the_payload_says_everything_there_is_to_say() -> None:
    unit = a_unit(
        undo=Undo("never", "Gone."),
        risk=Risk.STEP_UP,
        approval=Approval(approvers="treasurers"),
        show={"to": ("json:/to", "text")},
        context={"money": Money("usd", 12345, 2), "size": 901, "ok": True, "tags": ("a", "b"), "s": "x"},
    )
    request = a_request(caller=a_caller(run="run_1"))
    made = sheet(request, unit)
    assert made.shared == {
        "type": "secondsig/approval",
        "version": 2,
        "gateway": GATEWAY,
        "rp_id": RP_ID,
        "envelope": "env_1",
        "quorum": 2,
        "agent": {
            "id": "ci-bot",
            "team": "platform",
            "owner": "Mika",
            "run": "run_1",
            "token": "tok_ci-bot",
            "address": "127.0.0.1",
        },
        "units": [
            {
                "action": "/shop/payment/create",
                "title": "Pay somebody",
                "groups": ["payment"],
                "access": "write",
                "resource": 'Shop::Account::"acct_tea"',
                "context": {
                    "money": "123.45 USD",
                    "size": "901",
                    "ok": True,
                    "tags": ["a", "b"],
                    "s": "x",
                },
                "money": {"money": {"currency": "usd", "minor": "12345", "exponent": 2}},
                "risk": "step_up",
                "approvers": "treasurers",
                "summary": [{"text": "Pay "}, {"value": "600"}],
                "undo": {"how": "never", "note": "Gone."},
            }
        ],
        "why": [
            {"policy": "payments", "reason": "A person signs."},
            {"policy": "bare", "reason": None},
        ],
        "asked_by": ["policy"],
        "purpose": "to pay for tea",
        "request": {
            "method": "POST",
            "scheme": "https",
            "host": "api.shop.test",
            "port": 443,
            "target": "/v1/payments?dry=0",
            "headers": [
                ["Host", {"text": "api.shop.test"}],
                ["Content-Type", {"text": "application/json"}],
                ["Authorization", headers(made)["Authorization"]],
            ],
            "body": {
                "kind": "json",
                "bytes": len(request.body),
                "content_digest": content_digest(request.body),
                "fields": [
                    ["json:/amount", {"number": "600"}],
                    ["json:/currency", {"text": "jpy"}],
                    ["json:/to", {"text": "acct_tea"}],
                ],
            },
        },
        "show": {"json:/to": "text"},
        "digest": made.digest,
        "template": {"service": "shop", "version": "1.0.0", "digest": "e" * 64},
        "policy": {"digest": "p" * 64},
        "config": {"digest": "c" * 64, "trust": "files"},
        "opened_at": "2027-01-15T08:00:00Z",
        "expires_at": "2027-01-15T08:01:00Z",
        "salt": "0a" * 16,
        "intent_risk": {"level": "high", "reasons": ["moves money"]},
        "observed": {"first_time": [], "address_requests_30_days": 96, "question_this_hour": 3},
        "checkpoint": None,
    }


def test_a_template_that_asked_is_named() -> None:
    assert sheet(decision=replace(DECISION, raised_by_template=True)).shared["asked_by"] == ["template"]


def test_every_unit_is_told() -> None:
    made = sheet(None, a_unit(), a_unit(action="/shop/other", title="Other"))
    assert [unit["title"] for unit in made.shared["units"]] == ["Pay somebody", "Other"]


def test_each_signer_signs_their_own_name_and_verb_over_the_same_sheet() -> None:
    made = sheet()
    mika = for_signer(made.shared, decision="approve", approver="Mika")
    assert mika == jcs({**made.shared, "decision": "approve", "approver": "Mika"})
    assert mika != for_signer(made.shared, decision="approve", approver="Noor")
    assert mika != for_signer(made.shared, decision="deny", approver="Mika")


def test_the_digest_is_the_bound_request_under_a_salt_that_the_payload_does_not_tell() -> None:
    made = sheet()
    bound = bound_request(a_request(), Bind(), body_of(a_request()), KEYS.digest)
    assert made.digest == request_digest(derived_salt(ABOUT.hidden_salt, "digest"), bound)
    assert ABOUT.hidden_salt.hex() not in text_of(made)
    assert derived_salt(ABOUT.hidden_salt, "digest").hex() not in text_of(made)


def test_a_challenge_ends_with_the_payloads_hash() -> None:
    import hashlib

    assert challenge(b"n" * 32, b"payload") == b"n" * 32 + hashlib.sha256(b"payload").digest()


@pytest.mark.parametrize(
    ("body", "pointer", "field"),
    [
        (b'{"a":1.50}', "json:/a", {"number": "1.50"}),
        (b'{"a":1E400}', "json:/a", {"number": "1E400"}),
        (b'{"a":"1"}', "json:/a", {"text": "1"}),
        (b'{"a":true}', "json:/a", {"bool": True}),
        (b'{"a":null}', "json:/a", {"null": True}),
        (b'{"a":{"b":{"0":"x"}}}', "json:/a/b/0", {"text": "x"}),
        (b'{"a":[]}', "json:/a", {"list": 0}),
        (b'{"a":{}}', "json:/a", {"object": 0}),
        (b'{"a":"{}"}', "json:/a", {"text": "{}"}),
        (b'{"a/b":1}', "json:/a~1b", {"number": "1"}),
        (b'"bare"', "json:", {"text": "bare"}),
    ],
)
def test_every_json_value_is_shown_as_it_was_written(
    body: bytes, pointer: str, field: dict[str, object]
) -> None:
    assert fields(sheet(a_request(body=body))) == {pointer: field}


def test_a_list_does_not_look_like_an_object_with_numbers_for_keys() -> None:
    as_list, as_object = (
        fields(sheet(a_request(body=body))) for body in (b'{"a":["x"]}', b'{"a":{"0":"x"}}')
    )
    assert as_list == {"json:/a": {"list": 1}, "json:/a/0": {"text": "x"}}
    assert as_object != as_list


def test_every_pair_of_a_form_is_shown_in_order_also_repeated_ones() -> None:
    made = sheet(a_request(body=b"a=1&b=x%20y&a=2"), kind="form")
    assert made.shared["request"]["body"]["fields"] == [
        ["form:a", {"text": "1"}],
        ["form:b", {"text": "x y"}],
        ["form:a", {"text": "2"}],
    ]


@pytest.mark.parametrize(("body", "field"), [(b"plain", {"text": "plain"}), (b"\xff\x00", {"hex": "ff00"})])
def test_a_raw_body_is_shown_whole(body: bytes, field: dict[str, str]) -> None:
    assert fields(sheet(a_request(body=body), kind="opaque")) == {"body": field}


def test_an_xml_body_is_shown_leaf_by_leaf_under_its_roots_name() -> None:
    raw = b'<Delete q="1"><Object><Key>a</Key></Object><Object><Key>b</Key></Object></Delete>'
    made = sheet(a_request(body=raw), a_unit(secret=("xml:@q",)), kind="xml")
    shown = made.shared["request"]["body"]["fields"]
    assert shown[0] == ["xml:", {"text": "<Delete>"}]
    assert [leaf for leaf, _ in shown] == ["xml:", "xml:@q", "xml:Object/Key", "xml:Object/Key"]
    assert list(shown[1][1]) == ["secret"]
    assert [field["text"] for _, field in shown[2:]] == ["a", "b"]


PARTS = (
    b'--B\r\nContent-Disposition: form-data; name="name"\r\n\r\nsite\r\n'
    b'--B\r\nContent-Disposition: form-data; name="key"\r\n\r\nhush\r\n'
    b'--B\r\nContent-Disposition: form-data; name="content"; filename="a.whl"\r\n'
    b"Content-Type: application/zip\r\n\r\n\xff\xfe\r\n"
    b'--B\r\nContent-Disposition: form-data; name="notes"; filename="a.txt"\r\n\r\nread me\r\n--B--\r\n'
)


def multipart(unit: Unit) -> dict[str, Any]:
    request = replace(a_request(body=PARTS), headers=(("Content-Type", "multipart/form-data; boundary=B"),))
    return fields(sheet(request, unit, kind="multipart"))


def test_each_part_is_shown_with_its_headers_and_a_file_by_size_and_hash() -> None:
    told = multipart(a_unit())
    assert told["multipart:name"] == {"text": "site"}
    assert told["multipart:notes"] == {"text": "read me"}
    assert told["multipart:content.bytes"] == {"number": "2"}
    assert told["multipart:content.sha256"] == {"text": sha256(b"\xff\xfe")}
    assert told["multipart:content Content-Type"] == {"text": "application/zip"}
    assert "a.whl" in told["multipart:content Content-Disposition"]["text"]


def test_a_secret_part_is_seen_by_nobody_be_it_text_or_not() -> None:
    told = multipart(a_unit(secret=("multipart:key", "multipart:content")))
    assert list(told["multipart:key"]) == ["secret"]
    assert list(told["multipart:content"]) == ["secret"]
    assert "hush" not in json.dumps(told)


def test_a_push_is_shown_ref_by_ref_and_its_objects_by_their_hash() -> None:
    line = b"0" * 40 + b" " + b"1" * 40 + b" refs/heads/main\0 report-status push-options"
    raw = b"%04x%s0000%04x%s0000PACK\xff" % (len(line) + 4, line, 16, b"merge_it=yes")
    told = sheet(a_request(body=raw), kind="git").shared["request"]["body"]["fields"]
    assert told == [
        ["git:ref", {"text": f"create refs/heads/main {'0' * 40} {'1' * 40}"}],
        ["git:option", {"text": "merge_it=yes"}],
        ["git:request.bytes", {"number": str(len(raw))}],
        ["git:request.sha256", {"text": sha256(raw)}],
    ]


def test_a_stream_is_its_size_and_its_hash() -> None:
    assert fields(sheet(a_request(body=b"\xff" * 99), kind="stream")) == {
        "body.bytes": {"number": "99"},
        "body.sha256": {"text": sha256(b"\xff" * 99)},
    }


@pytest.mark.parametrize("kind", ["opaque", "text"])
@pytest.mark.parametrize("hide", ["redact", "secret"])
@pytest.mark.parametrize("selector", ["json:/pin", "arg:pin", "form:pin", "multipart:pin", "xml:pin"])
def test_a_value_in_a_body_that_nobody_takes_apart_is_not_shown_unasked(
    kind: str, hide: str, selector: str
) -> None:
    """An agent that names another content type must not bring a password into the lists."""
    made = sheet(a_request(body=b"pin=1234"), a_unit(**{hide: (selector,)}), kind=kind)
    assert "1234" not in json.dumps(made.shared)
    assert list(fields(made)["body"]) == ["redacted"]
    assert made.hidden["body"].value == "pin=1234"
    assert made.shared["request"]["body"]["content_digest"] != content_digest(b"pin=1234")


def test_a_header_that_is_hidden_hides_no_body() -> None:
    made = sheet(a_request(body=b"plain"), a_unit(redact=("header:X-Note",)), kind="opaque")
    assert fields(made)["body"] == {"text": "plain"}


INNER = b'--B\r\nContent-Type: application/http\r\n\r\nPOST /x HTTP/1.1\r\n\r\n{"pin":1234}\r\n'


def batch(unit: Unit) -> Sheet:
    headers = (("Content-Type", "multipart/mixed; boundary=B"),)
    return sheet(
        replace(a_request(body=INNER + INNER + b"--B--\r\n"), headers=headers), unit, kind="multipart"
    )


def test_a_request_of_a_batch_is_shown_whole_after_it_was_revealed() -> None:
    made = batch(a_unit(redact=("json:/pin",)))
    assert "1234" not in json.dumps(made.shared)
    assert [list(field) for _, field in made.shared["request"]["body"]["fields"]] == [["redacted"]] * 2
    assert len(made.hidden) == 2
    assert "1234" in json.dumps(batch(a_unit()).shared)


def test_a_secret_in_a_batch_is_not_shown_but_refused() -> None:
    with pytest.raises(Refusal, match="send that request alone"):
        batch(a_unit(secret=("json:/pin",)))


def test_no_body_is_no_field() -> None:
    body = sheet(a_request(body=b"")).shared["request"]["body"]
    assert body == {"kind": "none", "bytes": 0, "content_digest": content_digest(b""), "fields": []}


LEAVES = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=6),
    st.text(st.characters(codec="utf-8"), max_size=8) | st.integers() | st.booleans() | st.none(),
    max_size=6,
)


@given(LEAVES)
def test_no_value_of_a_body_is_missing_from_the_payload(values: dict[str, object]) -> None:
    told = fields(sheet(a_request(body=json.dumps(values).encode())))
    if not values:
        assert told == {"json:": {"object": 0}}
        return
    shown = {key: next(iter(field.values())) if "null" not in field else None for key, field in told.items()}
    assert shown == {
        f"json:/{key}": value if isinstance(value, str | bool) or value is None else str(value)
        for key, value in values.items()
    }


# What is sent but not bound is named; what is not sent is not. ---------------------------------------------


@pytest.mark.parametrize("name", ["Date", "Traceparent", "X-Stainless-Lang", "Accept-Encoding"])
def test_a_header_that_may_change_is_named_as_that(name: str) -> None:
    assert headers(sheet(with_header(a_request(), name, "v")))[name] == {"volatile": True}


@pytest.mark.parametrize(
    "name", ["Connection", "Proxy-Authorization", "TE", "Secondsig-Purpose", "Content-Length", "Expect"]
)
def test_a_header_that_never_goes_upstream_is_not_shown_as_if_it_did(name: str) -> None:
    assert name not in headers(sheet(with_header(a_request(), name, "v")))


def test_a_value_that_the_template_frees_is_named_as_that_and_not_shown() -> None:
    unit = a_unit(bind=Bind("exact", ("json:/to", "header:x-nonce")))
    made = sheet(with_header(a_request(), "X-Nonce", "n0nce"), unit)
    assert fields(made)["json:/to"] == {"volatile": True}
    assert headers(made)["X-Nonce"] == {"volatile": True}
    assert "n0nce" not in text_of(made)


def test_what_one_unit_frees_and_another_binds_is_shown() -> None:
    made = sheet(None, a_unit(bind=Bind("exact", ("json:/to",))), a_unit())
    assert fields(made)["json:/to"] == {"text": "acct_tea"}


# What is hidden. -----------------------------------------------------------------------------------------

SECRET_BODY = b'{"password":"hunter2","note":"quiet","deep":{"x":"under1","y":"under2"},"open":"shown"}'
HIDING = a_unit(redact=("json:/note", "json:/deep", "header:X-Note"), secret=("json:/password",))


def hiding() -> Sheet:
    request = with_header(a_request(body=SECRET_BODY), "x-note", "whispered")
    return sheet(request, HIDING)


def test_what_is_hidden_never_stands_in_the_payload() -> None:
    payload = text_of(hiding())
    for value in ("hunter2", "quiet", "under1", "under2", "whispered", "upstream-secret"):
        assert value not in payload
    assert "shown" in payload


def test_a_redacted_value_is_committed_and_the_reveal_proves_it() -> None:
    made = hiding()
    told = {**fields(made), "header:x-note": headers(made)["x-note"]}
    assert set(made.hidden) == {"json:/note", "json:/deep/x", "json:/deep/y", "header:x-note"}
    for selector, hidden in made.hidden.items():
        field = told[selector]["redacted"]
        assert field == {"length": len(hidden.value), "commitment": commitment(hidden.salt, hidden.value)}
        assert hidden.salt.hex() not in text_of(made)
    assert made.hidden["json:/note"].value == "quiet"
    assert made.hidden["header:x-note"].value == "whispered"


def test_a_secret_is_a_length_and_a_commitment_that_nobody_can_guess_and_nobody_reveals() -> None:
    made = hiding()
    field = fields(made)["json:/password"]["secret"]
    assert field["length"] == len("hunter2")
    assert "json:/password" not in made.hidden
    for salt in (b"", ABOUT.salt, *(hidden.salt for hidden in made.hidden.values())):
        assert commitment(salt, "hunter2") != field["commitment"]


def test_a_credential_is_a_secret_whatever_the_template_says() -> None:
    made = sheet(
        None, a_unit(redact=("header:authorization",), bind=Bind("exact", ("header:authorization",)))
    )
    assert set(headers(made)["Authorization"]) == {"secret"}
    assert "header:authorization" not in made.hidden


def test_secret_wins_over_redact() -> None:
    made = sheet(None, a_unit(redact=("json:/to",), secret=("json:/to",)))
    assert set(fields(made)["json:/to"]) == {"secret"}
    assert made.hidden == {}


def test_what_any_unit_hides_is_hidden() -> None:
    assert set(fields(sheet(None, a_unit(), a_unit(secret=("json:/to",))))["json:/to"]) == {"secret"}


def test_a_selector_hides_what_is_below_it_and_not_what_begins_like_it() -> None:
    made = sheet(a_request(body=b'{"a":{"b":"1"},"ab":"2"}'), a_unit(secret=("json:/a",)))
    assert set(fields(made)["json:/a/b"]) == {"secret"}
    assert fields(made)["json:/ab"] == {"text": "2"}


@pytest.mark.parametrize("selector", ["form:note", "arg:note"])
def test_a_forms_value_is_hidden_by_either_name(selector: str) -> None:
    made = sheet(a_request(body=b"note=quiet&open=1"), a_unit(redact=(selector,)), kind="form")
    assert set(fields(made)["form:note"]) == {"redacted"}
    assert made.hidden["form:note"].value == "quiet"
    assert "quiet" not in text_of(made)


def test_a_body_that_hides_something_is_not_given_away_by_its_digest() -> None:
    made = hiding()
    body = made.shared["request"]["body"]
    assert body["content_digest"] != content_digest(SECRET_BODY)
    assert body["content_digest"] == commitment(
        derived_salt(ABOUT.hidden_salt, "body"), content_digest(SECRET_BODY)
    )
    assert sheet(a_request(body=SECRET_BODY)).shared["request"]["body"]["content_digest"] == content_digest(
        SECRET_BODY
    )


def test_every_salt_is_of_its_own_so_that_one_reveal_helps_with_no_other() -> None:
    made = sheet(a_request(body=b'{"a":"same","b":"same"}'), a_unit(redact=("json:/a", "json:/b")))
    salts = [hidden.salt for hidden in made.hidden.values()]
    assert len(set(salts)) == 2
    commitments = [field["redacted"]["commitment"] for field in fields(made).values()]
    assert len(set(commitments)) == 2
    other = sheet(
        a_request(body=b'{"a":"same","b":"same"}'),
        a_unit(redact=("json:/a", "json:/b")),
        about=replace(ABOUT, hidden_salt=b"\x0c" * 16),
    )
    assert fields(other)["json:/a"] != fields(made)["json:/a"]


def test_every_redacted_value_of_a_repeated_name_can_be_revealed() -> None:
    """Of two values only the last was kept: the first would be signed and never seen."""
    made = sheet(a_request(body=b"note=harmless&note=evil"), a_unit(redact=("form:note",)), kind="form")
    told = [field["redacted"]["commitment"] for _, field in made.shared["request"]["body"]["fields"]]
    kept = {commitment(hidden.salt, hidden.value) for hidden in made.hidden.values()}
    assert len(told) == 2
    assert set(told) <= kept


def test_every_redacted_value_of_a_repeated_header_can_be_revealed() -> None:
    request = with_header(with_header(a_request(), "X-Note", "harmless"), "X-Note", "evil")
    made = sheet(request, a_unit(redact=("header:X-Note",)))
    told = [f["redacted"]["commitment"] for n, f in made.shared["request"]["headers"] if n == "X-Note"]
    kept = {commitment(hidden.salt, hidden.value) for hidden in made.hidden.values()}
    assert set(told) <= kept


def test_two_secrets_of_one_name_do_not_tell_that_they_are_the_same() -> None:
    made = sheet(a_request(body=b"pin=1234&pin=1234"), a_unit(secret=("form:pin",)), kind="form")
    one, other = (field["secret"]["commitment"] for _, field in made.shared["request"]["body"]["fields"])
    assert one != other


@pytest.mark.parametrize(
    ("selector", "body"),
    [
        ("json:/cards/*/pin", b'{"cards":[{"pin":"hunter2"}]}'),
        ("json:/*/pin", b'{"card":{"pin":"hunter2"}}'),
        ("arg:pin", b'{"pin":"hunter2"}'),
    ],
)
def test_a_secret_named_in_any_way_that_templates_know_is_hidden(selector: str, body: bytes) -> None:
    for unit in (a_unit(secret=(selector,)), a_unit(redact=(selector,))):
        assert "hunter2" not in text_of(sheet(a_request(body=body), unit))


@pytest.mark.parametrize("selector", ["query:pin", "arg:pin"])
def test_a_secret_of_the_query_does_not_stand_in_the_target(selector: str) -> None:
    request = a_request(target="/v1/cards?pin=hunter2&x=1")
    assert "hunter2" not in text_of(sheet(request, a_unit(secret=(selector,))))


# Lists. --------------------------------------------------------------------------------------------------


def test_a_list_shows_no_hidden_value() -> None:
    unit = a_unit(summary=(SummaryPart("Say "), SummaryPart("quiet", is_value=True)))
    assert list_summary(unit, ["quiet"]) == ({"text": "Say "}, {"value": "hidden"})
    assert list_summary(unit, []) == ({"text": "Say "}, {"value": "quiet"})


def test_a_hidden_value_that_reads_like_the_templates_own_words_hides_only_values() -> None:
    unit = a_unit(summary=(SummaryPart("Pay "), SummaryPart("x", is_value=True)))
    assert list_summary(unit, ["Pay "]) == ({"text": "Pay "}, {"value": "x"})


# Bounds. -------------------------------------------------------------------------------------------------


def test_what_cannot_be_shown_whole_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        sheet(a_request(body=json.dumps({"a": "x" * MAX_SHEET}).encode()))
    assert refused.value.reason is Reason.BODY_TOO_LARGE


@pytest.mark.parametrize(("size", "fits"), [(MAX_HEX, True), (MAX_HEX + 1, False)])
def test_bytes_that_are_not_text_are_shown_up_to_their_bound(size: int, fits: bool) -> None:
    request = a_request(body=b"\xff" * size)
    if fits:
        assert fields(sheet(request, kind="opaque"))["body"] == {"hex": "ff" * size}
    else:
        with pytest.raises(Refusal) as refused:
            sheet(request, kind="opaque")
        assert refused.value.reason is Reason.BODY_TOO_LARGE


# The small parts. ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("money", "text"),
    [
        (Money("jpy", 600, 0), "600 JPY"),
        (Money("usd", 5, 2), "0.05 USD"),
        (Money("usd", 12345, 2), "123.45 USD"),
        (Money("bhd", 1, 3), "0.001 BHD"),
    ],
)
def test_money_is_written_with_its_currencys_places(money: Money, text: str) -> None:
    assert money_text(money) == text


def test_a_negative_amount_reads_as_it_is() -> None:
    assert money_text(Money("usd", -150, 2)) == "-1.50 USD"
    assert money_text(Money("usd", -5, 2)) == "-0.05 USD"


@pytest.mark.parametrize(("value", "told"), [(True, True), (0, "0"), ("x", "x"), (("a",), ["a"])])
def test_context_values_are_told_in_their_kind(value: Any, told: object) -> None:
    assert context_text(value) == told
    assert type(context_text(value)) is type(told)


def test_who_may_approve_can_be_asked_from_the_sheet_alone() -> None:
    unit = a_unit(risk=Risk.STEP_UP, approval=Approval(approvers="treasurers"), groups=("payment", "x"))
    told = asked_about(json.loads(jcs(sheet(None, unit, a_unit()).shared)))
    assert isinstance(told, Mapped)
    assert (told.service, told.template_version, told.template_digest) == ("shop", "1.0.0", "e" * 64)
    first, second = told.units
    assert (first.action, first.groups, first.risk) == (unit.action, unit.groups, Risk.STEP_UP)
    assert (first.approval.approvers, second.approval.approvers) == ("treasurers", None)
    assert first.resource == unit.resource
    assert first.context == {"money": Money("jpy", 600, 0)}


def test_a_text_that_reads_like_money_is_no_money() -> None:
    made = sheet(None, a_unit(context={"note": "20000.00 EUR"}))
    assert "money" not in made.shared["units"][0]
    assert asked_about(made.shared).units[0].context == {}


def test_a_sheet_of_the_former_version_still_opens() -> None:
    """It told its money as text alone, so how much it is cannot be known from it."""
    former = json.loads(jcs(sheet().shared)) | {"version": 1}
    for unit in former["units"]:
        del unit["money"]
    told = asked_about(former).units[0]
    assert (told.action, told.context) == ("/shop/payment/create", {})


@given(type_=st.sampled_from(["Shop::Account", "Host"]), name=st.text(max_size=20))
def test_a_resource_is_read_back_as_it_was_written(type_: str, name: str) -> None:
    ref = EntityRef(type_, name)
    assert asked_about(sheet(None, a_unit(resource=ref)).shared).units[0].resource == ref


@given(st.integers(-(2**63), 2**63 - 1), st.integers(0, 8))
def test_money_is_read_back_exactly(minor: int, exponent: int) -> None:
    money = Money("eur", minor, exponent)
    told = json.loads(jcs(sheet(None, a_unit(context={"money": money})).shared))
    assert asked_about(told).units[0].context == {"money": money}


def test_times_are_utc() -> None:
    assert utc(0) == "1970-01-01T00:00:00Z"


def test_a_salt_is_for_one_purpose() -> None:
    salts = {derived_salt(b"s", purpose) for purpose in ("digest", "body", "field:a:0", "field:b:0")}
    assert len(salts) == 4
    assert all(len(salt) == 16 for salt in salts)


def test_a_sheet_is_plain_json() -> None:
    shared: Mapping[str, Any] = sheet().shared
    assert json.loads(jcs(shared)) == shared
