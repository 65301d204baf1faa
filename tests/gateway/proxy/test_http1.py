import asyncio

from gateway.proxy.http1 import HEAD_BYTES
from tests.gateway.proxy.harness import HOST, OK, Outcomes, Received, World, get, post, release
from tests.gateway.proxy.test_stream import Held, answering
from tests.kit.patience import until


async def test_what_is_pipelined_is_answered_in_order(w: World):
    up = await w.upstream()
    await w.start()
    client = await w.tunnel()
    await client.send(get(target="/1") + get(target="/2") + get(target="/3"))
    for _ in range(3):
        assert (await client.answer()).body == b"hello"
    assert [got.target for got in up.received] == ["/1", "/2", "/3"]


async def test_a_client_that_pipelines_without_end_behind_a_held_request_is_closed(w: World):
    up = await w.upstream()
    await w.start()
    outcomes = Outcomes()
    w.gate.verdict = held = Held(outcomes)
    client = await w.tunnel()
    await client.send(post(b"x"))
    await until(lambda: held.waiting)
    await client.send(get(extra=f"X: {'y' * 1000}\r\n") * 70)
    assert await client.closed()
    await until(lambda: outcomes.seen == [("not_sent", None)])
    assert up.connections == 0


async def test_a_head_without_end_is_refused(w: World):
    await w.start()
    client = await w.tunnel()
    got = await client.ask("GET / HTTP/1.1\r\nX: " + "y" * (HEAD_BYTES + 10))
    assert got.line.split()[1] == "413"
    assert await client.closed()
    assert w.gate.reasons == ["body_too_large"]


async def test_a_request_line_that_cannot_be_read_is_a_problem_and_the_end(w: World):
    await w.start()
    client = await w.client()
    got = await client.ask("what is this\r\n\r\n")
    assert got.line.split()[1] == "403"
    assert got.all("connection") == ["close"]
    assert got.all("content-type") == ["application/problem+json"]
    assert await client.closed()


async def test_a_broken_chunk_closes_the_connection_and_sends_nothing(w: World):
    up = await w.upstream()
    await w.start()
    client = await w.tunnel()
    await client.send(f"POST / HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n")
    assert await client.closed()
    assert not w.gate.requests
    assert up.connections == 0


async def test_trailers_of_an_answer_are_dropped_and_the_connection_goes_on(w: World):
    data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Late: y\r\n\r\n"
    up = await w.upstream(script=answering(data, keep=True))
    await w.start()
    client = await w.tunnel()
    for _ in range(2):
        got = await client.ask(get())
        assert got.body == b"hello"
    assert up.connections == 1


async def test_an_answer_whose_interim_part_comes_in_pieces(w: World):
    async def script(got: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        for piece in (b"HTTP/1.1 10", b"3 Early\r\nLink", b": <x>\r\n", b"\r\n" + OK[:9], OK[9:]):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.02)
        return True

    await w.upstream(script=script)
    await w.start()
    outcomes = Outcomes()
    w.gate.verdict = release(outcomes)
    client = await w.tunnel()
    assert (await client.ask(post(b"x"))).body == b"hello"
    assert outcomes.seen == [("completed", 200)]


async def test_a_client_that_asks_to_close_is_closed_after_its_answer(w: World):
    await w.upstream()
    await w.start()
    client = await w.tunnel()
    assert (await client.ask(get(extra="Connection: close\r\n"))).body == b"hello"
    assert await client.closed()


async def test_an_old_client_gets_its_answer(w: World):
    up = await w.upstream()
    await w.start()
    w.gate.verdict = release(Outcomes())
    client = await w.tunnel()
    got = await client.ask(f"GET / HTTP/1.0\r\nHost: {HOST}\r\n\r\n")
    assert got.body == b"hello"
    assert up.received[0].line == "GET / HTTP/1.0"


async def test_data_that_an_upstream_sends_unasked_reaches_nobody(w: World):
    up = await w.upstream(script=answering(OK + OK, keep=True))
    await w.start()
    client = await w.tunnel()
    assert (await client.ask(get())).body == b"hello"
    up.script = answering(OK.replace(b"hello", b"right"), keep=True)
    got = await client.ask(get())
    assert got.line.split()[1] == "502" or got.body == b"right"
