"""A loopback server that answers DynamoDB's and KMS's calls from a tape: `python -m tests.bench.canned FILE…`.

Of two scenarios that ask the same, the later one is answered. It prints its port and ends with its standard input. It
does no work to speak of, and none in the measured process.
"""

import asyncio
import json
import sys
from pathlib import Path

from tests.bench.tape import Tape, call_key, checksum


class _Connection(asyncio.Protocol):
    def __init__(self, answers: dict[str, bytes]) -> None:
        self._answers = answers
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every whole request that has come."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            headers = _headers(self._buffer[:end])
            stop = end + 4 + int(headers.get("content-length", "0"))
            if len(self._buffer) < stop:
                return
            body, self._buffer = self._buffer[end + 4 : stop], self._buffer[stop:]
            self._transport.write(self._answered(headers, body))

    def _answered(self, headers: dict[str, str], body: bytes) -> bytes:
        key = call_key(headers.get("x-amz-target", ""), json.loads(body or b"{}"))
        found = self._answers.get(key)
        return found or _message(400, json.dumps({"__type": "NotOnTheTape", "message": key}).encode())


def _headers(head: bytes) -> dict[str, str]:
    lines = head.decode("latin-1").split("\r\n")[1:]
    return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _message(status: int, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status} X\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {len(body)}\r\n"
        f"x-amz-crc32: {checksum(body)}\r\nx-amzn-RequestId: canned\r\n\r\n"
    )
    return head.encode() + body


async def _serve(tape: Tape) -> None:
    answers = {key: _message(200, body.encode()) for key, body in tape.items()}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(answers), "127.0.0.1", 0, backlog=256)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    tapes = [json.loads(Path(each).read_text())["tape"] for each in sys.argv[1:]]
    asyncio.run(_serve({key: answer for tape in tapes for key, answer in tape.items()}))
