"""Prints gunicorn's raw requests (its source distribution, tests/requests) as JSON, one case for each file.

Usage: gunicorn.py CACHE-FOLDER. The source distribution is downloaded by pip when it is not in the folder yet.
Bytes are strings whose characters are below 256.
"""

import hashlib
import io
import json
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile
import types

VERSION = "27.0.1"
SHA256 = "b1514965361c8b7e8107a80aa2a92636878df1ccfac6dd204a676426e04d9e3e"


def archive(cache):
    """The bytes of the source distribution, and nothing else than those."""
    kept = cache / f"gunicorn-{VERSION}.tar.gz"
    if not kept.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as work:
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
            subprocess.run([*pip, "--dest", work, f"gunicorn=={VERSION}"], check=True, stdout=sys.stderr)
            (pathlib.Path(work) / kept.name).rename(kept)
    data = kept.read_bytes()
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise SystemExit(f"{kept} is not the archive that was expected; remove it")
    return data


class Config:
    """Instead of gunicorn's own: remembers what a case sets."""

    def __init__(self):
        self.settings = {}

    def set(self, name, value):
        self.settings[name] = str(value)


class Stub(types.ModuleType):
    """A module of gunicorn, of which the cases need the names only."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Config if name == "Config" else type(name, (Exception,), {})


for name in ("gunicorn", "gunicorn.config", "gunicorn.http", "gunicorn.http.errors"):
    sys.modules[name] = Stub(name)


def text(value):
    return value.decode("latin-1") if isinstance(value, bytes) else value


def raw(data):
    """The bytes that a file stands for: line ends are written out, those of the file do not count."""
    data = data.replace(b"\n", b"")
    for escape, byte in ((rb"\r\n", b"\r\n"), (rb"\0", b"\0"), (rb"\n", b"\n"), (rb"\t", b"\t")):
        data = data.replace(escape, byte)
    return re.sub(rb"\\x([0-9A-Fa-f]{2})", lambda m: bytes([int(m[1], 16)]), data)


def case(name, valid, http, expected):
    config = Config()
    scope = {"uri": lambda value: value, "cfg": config}
    exec(compile(expected, name, "exec"), scope)
    config = scope["cfg"]
    requests = scope["request"] if valid else []
    requests = requests if isinstance(requests, list) else [requests]
    return {
        "name": name,
        "valid": valid,
        "data": text(raw(http)),
        "settings": config.settings,
        "requests": [
            {
                "method": request["method"],
                "target": text(request["uri"]),
                "headers": [[text(name).lower(), text(value)] for name, value in request["headers"]],
                "body": text(request["body"]),
            }
            for request in requests
        ],
    }


with tarfile.open(fileobj=io.BytesIO(archive(pathlib.Path(sys.argv[1])))) as tar:
    files = {}
    for member in tar.getmembers():
        found = re.fullmatch(r"[^/]+/tests/requests/((?:in)?valid/.+\.(?:http|py))", member.name)
        if found:
            files[found[1]] = tar.extractfile(member).read()

stems = sorted(name[:-5] for name in files if name.endswith(".http"))
cases = [case(s, s.startswith("valid/"), files[f"{s}.http"], files[f"{s}.py"].decode()) for s in stems]
json.dump(cases, sys.stdout)
