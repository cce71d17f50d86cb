"""A client of the official Python SDK 2: revision 2026-07-28, or the one before."""

import json
import logging
import ssl
import sys
from urllib.parse import parse_qs, urlsplit

import anyio
import httpx2
import mcp_types as types
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata

# All that it says goes where the test searches it.
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)


async def read():
    line = await anyio.to_thread.run_sync(sys.stdin.readline)
    return json.loads(line) if line else None


def say(line):
    print(json.dumps(line), flush=True)


def plain(model):
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


def shape(error):
    if isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        return shape(error.exceptions[0])
    said = {"kind": type(error).__name__, "code": None, "message": str(error), "data": None}
    if isinstance(error, MCPError):
        said |= {"code": error.error.code, "message": error.error.message, "data": error.error.data}
    return said


async def elicit(_context, params):
    say({"elicit": plain(params)})
    answer = await read()
    return types.ElicitResult(action=answer["action"], content=answer.get("content"))


class Kept:
    """What a client keeps on its machine."""

    def __init__(self, client):
        self.tokens = None
        self.client = client

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


async def opens(url):
    say({"opens": url})


async def comes_back():
    came = parse_qs(urlsplit((await read())["callback"]).query)
    return AuthorizationCodeResult(**{name: came[name][0] for name in ("code", "state", "iss") if name in came})


def signing_in(door, name):
    """As lib/signin.mjs: the page that it opens is the test's to visit."""
    about = {"redirect_uris": [door["signIn"]["redirect"]], "token_endpoint_auth_method": "none"}
    known = door["signIn"].get("client")
    return OAuthClientProvider(
        door["url"],
        OAuthClientMetadata(client_name=name, **about),
        Kept(OAuthClientInformationFull(client_id=known, **about) if known else None),
        opens,
        comes_back,
    )


async def act(client, wanted, sign_in):
    match wanted["do"]:
        case "hold":
            held = sign_in.context.current_tokens
            sign_in.context.current_tokens = held.model_copy(update=wanted["tokens"])
        case "tools":
            return await client.list_tools()
        case "call":
            return await client.call_tool(wanted["tool"], wanted["arguments"], read_timeout_seconds=600)
        case "resources":
            return await client.list_resources()
        case "read":
            return await client.read_resource(wanted["uri"])
        case "prompts":
            return await client.list_prompts()
        case "prompt":
            return await client.get_prompt(wanted["name"], wanted["arguments"])


async def serve(door, told, sign_in=None):
    asks = told["can"]["links"] or told["can"]["asks"]
    client = Client(
        door,
        mode="legacy" if told["revision"] < "2026" else "auto",
        client_info=types.Implementation(name=told["name"], version="1.2.3"),
        elicitation_callback=elicit if asks else None,
    )
    async with client:
        say({"result": {
            "server": plain(client.server_info) if client.server_info else None,
            "can": plain(client.server_capabilities),
            "instructions": client.instructions,
            "revision": client.protocol_version,
        }})
        while (wanted := await read()) is not None:
            try:
                done = await act(client, wanted, sign_in)
                say({"result": done and plain(done)})
            except Exception as error:
                say({"error": shape(error)})


async def main():
    told = await read()
    door = told["door"]
    try:
        if "command" in door:
            server = StdioServerParameters(command=door["command"], args=door["args"], env=door["env"])
            await serve(server, told)
        else:
            sign_in = signing_in(door, told["name"]) if "signIn" in door else None
            trusts = ssl.create_default_context(cafile=door.get("ca"))
            # A server that refuses what it has not read ends the connection: none is used twice.
            limits = httpx2.Limits(max_keepalive_connections=0 if sign_in else 20)
            http = httpx2.AsyncClient(
                headers=door["headers"], timeout=600, auth=sign_in, verify=trusts, limits=limits
            )
            async with http:
                await serve(streamable_http_client(door["url"], http_client=http), told, sign_in)
    except Exception as error:
        say({"error": shape(error)})


anyio.run(main)
