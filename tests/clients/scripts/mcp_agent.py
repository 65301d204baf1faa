"""The official MCP client over streamable HTTP."""

import asyncio

from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client


async def main() -> None:
    async with (
        streamable_http_client("https://mcp.corp.test/mcp") as (read, write, *_),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        print([tool.name for tool in (await session.list_tools()).tools])
        answer = await session.call_tool("drop_table", {"name": "orders"})
        print(answer.content[0].text)


asyncio.run(main())
