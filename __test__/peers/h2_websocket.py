"""Opens WebSockets over HTTP/2 (RFC 8441) with raw frames: `h2_websocket.py PORT`.

Prints one JSON object: what came back in each case, the status first.
"""

import json
import os
import socket
import sys

from h2.errors import ErrorCodes
from hpack import Decoder, Encoder
from hyperframe.frame import DataFrame, Frame, HeadersFrame, RstStreamFrame, SettingsFrame, WindowUpdateFrame

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
ENABLE_CONNECT_PROTOCOL = 8


def message(text):
    """A client's text frame."""
    content, mask = text.encode(), os.urandom(4)
    masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(content))
    return bytes([0x81, 0x80 | len(content)]) + mask + masked


class Peer:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 20)
        self.encoder, self.decoder = Encoder(), Decoder()
        self.received = b""
        self.stream = -1
        self.setting = None
        self.socket.sendall(PREFACE + SettingsFrame(0).serialize())

    def frame(self):
        """The next frame that is about a stream."""
        while True:
            head = self.take(9)
            frame, length = Frame.parse_frame_header(memoryview(head))
            frame.parse_body(memoryview(self.take(length)))
            if isinstance(frame, SettingsFrame) and "ACK" not in frame.flags:
                self.setting = frame.settings.get(ENABLE_CONNECT_PROTOCOL)
                acknowledge = SettingsFrame(0)
                acknowledge.flags.add("ACK")
                self.socket.sendall(acknowledge.serialize())
            elif frame.stream_id == self.stream and not isinstance(frame, WindowUpdateFrame):
                return frame

    def take(self, length):
        while len(self.received) < length:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError
            self.received += data
        taken, self.received = self.received[:length], self.received[length:]
        return taken

    def begin(self, fields=(), without=(), ends=False):
        """Headers of an extended CONNECT, with `fields` instead."""
        self.stream += 2
        default = {
            ":method": "CONNECT",
            ":protocol": "websocket",
            ":scheme": "http",
            ":authority": "t",
            ":path": "/echo/raw",
            "sec-websocket-version": "13",
        }
        default.update(fields)
        frame = HeadersFrame(self.stream)
        frame.data = self.encoder.encode([(n, v) for n, v in default.items() if n not in without])
        frame.flags.add("END_HEADERS")
        if ends:
            frame.flags.add("END_STREAM")
        return frame.serialize()

    def data(self, content=b"", ends=False, padding=None):
        frame = DataFrame(self.stream, content)
        if ends:
            frame.flags.add("END_STREAM")
        if padding is not None:
            frame.flags.add("PADDED")
            frame.pad_length = padding
        return frame.serialize()

    def send(self, *frames):
        self.socket.sendall(b"".join(frames))

    def answer(self):
        """The status, then one message or how it ended."""
        frame = self.frame()
        if isinstance(frame, RstStreamFrame):
            return ["reset " + ErrorCodes(frame.error_code).name]
        status = dict(self.decoder.decode(frame.data))[":status"]
        if status != "200":
            return [status]
        content = b""
        while True:
            frame = self.frame()
            if isinstance(frame, RstStreamFrame):
                return [status, "reset " + ErrorCodes(frame.error_code).name]
            content += frame.data
            if len(content) >= 2 and len(content) >= 2 + content[1]:
                return [status, content[2:].decode()]
            if "END_STREAM" in frame.flags:
                return [status, "end"]


def main():
    peer = Peer(int(sys.argv[1]))
    found = {}

    def case(name, *frames):
        peer.send(*frames)
        found[name] = peer.answer()
        reset = RstStreamFrame(peer.stream)
        reset.error_code = ErrorCodes.CANCEL
        if not found[name][-1].startswith("reset"):
            peer.send(reset.serialize())

    bytewise = [peer.begin()] + [peer.data(bytes([byte])) for byte in message("hello")]
    case("in pieces", *bytewise)
    found = {"setting": peer.setting, **found}
    case("padded", peer.begin(), peer.data(message("padded"), padding=200))
    case("before the answer", peer.begin() + peer.data(message("early")))
    case("end inside a frame", peer.begin(), peer.data(message("never")[:4], ends=True))
    case("end at once", peer.begin(ends=True))
    case("with a length", peer.begin({"content-length": "5"}))
    case("no protocol", peer.begin(without=(":protocol", ":scheme", ":path")))
    case("protocol of a GET", peer.begin({":method": "GET"}))
    case("without a path", peer.begin(without=(":path",)))
    case("with a connection field", peer.begin({"upgrade": "websocket"}))
    case("after", peer.begin(), peer.data(message("still here")))
    print(json.dumps(found))


main()
