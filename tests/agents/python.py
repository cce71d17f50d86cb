"""A client of the official Python SDK 2: revision 2026-07-28, or the one before."""

import json
import logging
import sys

import anyio
import httpx2
import mcp_types as types
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

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


async def act(client, wanted):
    match wanted["do"]:
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


async def serve(door, told):
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
                say({"result": plain(await act(client, wanted))})
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
            async with httpx2.AsyncClient(headers=door["headers"], timeout=600) as http:
                await serve(streamable_http_client(door["url"], http_client=http), told)
    except Exception as error:
        say({"error": shape(error)})


anyio.run(main)
