from hypothesis import given
from hypothesis import strategies as st

from gateway.proxy import headers

NAMES = st.sampled_from(
    [
        b"Accept",
        b"X-Y",
        b"Proxy-Authorization",
        b"Secondsig-Purpose",
        b"Connection",
        b"TE",
        b"Cookie",
        b"Expect",
    ]
)
FIELDS = st.lists(st.tuples(NAMES, st.binary(max_size=8)), max_size=8).map(tuple)


def names(fields: headers.Fields) -> list[bytes]:
    return [name.lower() for name, _ in fields]


@given(FIELDS, st.booleans())
def test_no_header_of_the_hop_to_us_goes_upstream(fields: headers.Raw, http2: bool):
    kept = list(headers.upstream(headers.end_to_end(fields, http2=http2)))
    assert not {b"proxy-authorization", b"secondsig-purpose", b"connection", b"expect"} & set(names(kept))
    plain = [field for field in fields if field[0] in {b"Accept", b"X-Y"}]
    assert [field for field in kept if field[0] in {b"Accept", b"X-Y"}] == plain


def test_cookie_crumbs_of_http2_become_one_cookie():
    fields = ((b"cookie", b"a=1"), (b"x", b"y"), (b"cookie", b"b=2"))
    assert list(headers.end_to_end(fields, http2=True)) == [(b"cookie", b"a=1; b=2"), (b"x", b"y")]
    assert list(headers.end_to_end(fields, http2=False)) == list(fields)


def test_only_trailers_of_http2_may_be_accepted_end_to_end():
    assert list(headers.end_to_end(((b"te", b"trailers"),), http2=True)) == [(b"te", b"trailers")]
    assert list(headers.end_to_end(((b"te", b"gzip"),), http2=True)) == []
    assert list(headers.end_to_end(((b"te", b"trailers"),), http2=False)) == []


def test_an_upstream_cannot_speak_as_the_gateway():
    fields = (
        (b"Secondsig-Gateway", b"gw_1"),
        (b"SECONDSIG-Envelope", b"env_1"),
        (b"Proxy-Status", b'secondsig; error=http_request_denied; details="x, y"'),
        (b"Proxy-Authenticate", b"Basic"),
        (b"Alt-Svc", b'h3=":443"'),
        (b"Content-Type", b"application/problem+json"),
    )
    assert headers.downstream(fields) == ((b"Content-Type", b"application/problem+json"),)


def test_another_proxys_status_stays():
    value = b'cache.example; hit, "secondsig"; error=x, Secondsig;a="b,c", other; details="secondsig, no"'
    assert headers.downstream(((b"proxy-status", value),)) == (
        (b"proxy-status", b'cache.example; hit, other; details="secondsig, no"'),
    )


@given(st.binary(max_size=60))
def test_no_spelling_of_proxy_status_keeps_us_in_it(value: bytes):
    kept = headers.downstream(((b"Proxy-Status", b"secondsig; x, " + value),))
    assert not any(kept_value.lower().startswith(b"secondsig") for _, kept_value in kept)


def test_values_survive_the_way_to_text_and_back():
    fields = ((b"X", bytes(range(256))),)
    assert headers.raw(headers.latin(fields)) == fields
