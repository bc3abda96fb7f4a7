"""Eight environments behind one port, each one process and one request at a time, as Lambda has them.

`python -m tests.bench.host FILE PORT ENVIRONMENTS`: the scenario's request comes as one line with the number of the
invocation's file; it prints its port and ends with its standard input. Only what a host has to do itself is added.
"""

import json
import multiprocessing
import os
import socket
import sys
from pathlib import Path

from tests.bench import warm


def _environment(files: list[Path], port: int, listening: socket.socket) -> None:
    handlers = [warm.begin(file, port)[1] for file in files]
    log = os.open(os.devnull, os.O_WRONLY)
    os.dup2(log, 1)
    while True:
        connection, _ = listening.accept()
        with connection:
            while asked := connection.recv(16):
                answer = warm.invoke(handlers[int(asked)])
                connection.sendall(json.dumps([answer["statusCode"], answer["body"]]).encode() + b"\n")


def main(files: list[Path], port: int, count: int) -> None:
    """Serve until standard input ends."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        make = multiprocessing.get_context("fork").Process
        environments = [make(target=_environment, args=(files, port, listening), daemon=True) for _ in range(count)]
        for each in environments:
            each.start()
        print(listening.getsockname()[1], flush=True)  # noqa: T201
        sys.stdin.read()
        for each in environments:
            each.terminate()


if __name__ == "__main__":
    main([Path(each) for each in sys.argv[3:]], int(sys.argv[1]), int(sys.argv[2]))
