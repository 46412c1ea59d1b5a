"""Webhooks from the log: each run that ends is posted to a server, which has a bad start."""

import asyncio
import json
from collections.abc import Callable
from http import HTTPStatus
from http.client import HTTPConnection

from quiet_logs import quiet_logs

import eventflow as ef
from eventflow.store.envelope import Envelope

NOT_READY = 2
"""So many requests are refused at first."""


@ef.stage(retry=ef.Retry(max_attempts=1))
async def brew(ctx: ef.StageContext[str]) -> str:
    """Make a drink, or refuse to."""
    if ctx.input == "coffee":
        raise ValueError("this is a teapot")
    return f"a cup of {ctx.input}"


kitchen = ef.define_workflow("kitchen", input=str).pipe(brew).build()


class Server:
    """An HTTP server on this machine that is not ready at first, and never for failed runs."""

    def __init__(self, wanted: int) -> None:
        self.asked = 0
        self.wanted = wanted
        self.satisfied = asyncio.Event()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length:")[2].partition("\r\n")[0])
        told = json.loads(await reader.readexactly(length))
        self.asked += 1
        ready = self.asked > NOT_READY and told["type"] != "run.failed"
        status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
        print(f"server: {told['type']}, answered with {status}")
        writer.write(f"HTTP/1.1 {status} {status.phrase}\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()
        self.wanted -= ready
        if not self.wanted:
            self.satisfied.set()


def webhook(port: int) -> Callable[[Envelope], None]:
    """Make the handler; a plain function runs in a thread, so it may wait for the network."""

    def post(envelope: Envelope) -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            told = {"run": envelope.run_id, "type": envelope.type, "position": envelope.position}
            connection.request("POST", "/runs", json.dumps(told))
            answer = connection.getresponse()
            if answer.status != HTTPStatus.OK:
                raise ConnectionError(f"the server answered {answer.status}")
        finally:
            connection.close()

    return post


async def main() -> None:
    server = Server(wanted=2)
    listening = await asyncio.start_server(server.answer, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with listening, ef.Runtime("memory://", [kitchen]) as runtime:
        subscription = await runtime.subscribe(
            "webhooks",
            webhook(port),
            types=["run.completed", "run.failed"],
            retry=ef.Retry(max_attempts=3, initial=0.05),
        )
        for drink in ("tea", "coffee", "milk"):
            run = await runtime.create_run("kitchen", drink)
            await runtime.transition_run(run.id)
        await server.satisfied.wait()
        for letter in await subscription.dead_letters():
            print(f"set aside after {letter.attempts} attempts: {letter.type}")
            print(f"  {letter.error.message}")


if __name__ == "__main__":
    quiet_logs()
    asyncio.run(main())
