"""PYTHONPATH=test/native python3 client/examples/native.py PORT HASH TOKEN: a client that is not ours, ../../docs/native-clients.md"""

import asyncio
import sys

import wire
from session import opened


async def main(port, certificate_hash, token):
    async with opened("127.0.0.1", int(port), "/v1", certificate_hash, token) as session:
        def on_bundle(bundle, at):
            for unit in bundle["units"]:
                captured = wire.captured(bundle["base"], unit["age"])
                print(unit["kind"], (at - session.clock.own(captured, at)) / 1000, "ms", flush=True)

        await session.ask("watch")
        session.on_bundle = on_bundle
        await session.protocol.ended

asyncio.run(main(*sys.argv[1:]))
