"""A bare aiohttp handler: the least that a Python service can do for a request.

    python -m benchmarks.bare READY_FILE

It answers any method on `/{size}` with that many spaces as `application/json`, and reads request
bodies. No middleware, no log, no parsing.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

import uvloop
from aiohttp import web


async def answer(request: web.Request) -> web.Response:
    if request.can_read_body:
        await request.read()
    body = b" " * int(request.match_info["size"])
    return web.Response(body=body, content_type="application/json")


async def serve(ready: Path) -> None:
    app = web.Application()
    app.router.add_route("*", "/{size}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    new_file = ready.with_suffix(".new")
    new_file.write_text(json.dumps({"http": f"http://127.0.0.1:{port}", "grpc": ""}))
    os.replace(new_file, ready)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(Path(sys.argv[1])))
