"""Talks to an echoing WebSocket with the `websockets` package: `websockets_client.py URL deflate|none`.

Prints one JSON object: the `extensions` that were agreed on, and how many messages came back as they were.
"""

import json
import random
import sys

from websockets.sync.client import connect


def messages():
    noise = random.Random(42)
    yield ""
    yield "hello"
    yield "ü€😀" * 500
    yield b""
    yield bytes(range(256)) * 100
    yield noise.randbytes(70_000)
    for n in range(200):
        yield f"message {n} " * (n % 40)
    yield "é" * 300_000
    # In frames that the sender cuts.
    yield ["one ", "two " * 1000, "", "three"]
    yield [b"a" * 5000, b"b" * 70_000]


def main():
    url, mode = sys.argv[1:]
    same = 0
    compression = "deflate" if mode == "deflate" else None
    with connect(url, compression=compression, max_size=1 << 22) as socket:
        extensions = socket.response.headers.get("Sec-WebSocket-Extensions", "")
        for message in messages():
            socket.send(message)
            whole = message if not isinstance(message, list) else type(message[0])().join(message)
            same += socket.recv() == whole
        latency = socket.ping().wait(5)
        socket.close(3000, "bye")
    print(json.dumps({"extensions": extensions, "same": same, "pong": latency, "code": socket.close_code}))


main()
