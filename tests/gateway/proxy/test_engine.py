from tests.gateway.proxy.harness import World, get


async def test_a_request_through_a_tunnel_reaches_the_upstream_and_its_answer_comes_back(w: World):
    up = await w.upstream()
    await w.start()
    client = await w.tunnel()
    for _ in range(3):
        got = await client.ask(get(target="/a?b=c"))
        assert got.line == "HTTP/1.1 200 OK"
        assert got.body == b"hello"
    assert up.connections == 1
    assert [got.target for got in up.received] == ["/a?b=c"] * 3
