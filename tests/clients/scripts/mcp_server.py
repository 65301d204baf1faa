"""An MCP server with two tools, on the port of its first argument."""

import sys

from mcp.server import MCPServer
from mcp.server.transport_security import TransportSecuritySettings

server = MCPServer("shop")


@server.tool()
def search(text: str) -> str:
    return f"nothing about {text}"


@server.tool()
def drop_table(name: str) -> str:
    return f"{name} is gone"


known = TransportSecuritySettings(allowed_hosts=["mcp.corp.test"])
server.run(transport="streamable-http", host="127.0.0.1", port=int(sys.argv[1]), transport_security=known)
