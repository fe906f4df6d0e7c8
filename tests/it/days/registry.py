"""A registry double: npm, PyPI and a sparse Cargo registry, with two small packages each.

    python3 registry.py PORT        0 takes a free one; the first line on stdout is the port

It is made to be reached through a proxy as http://registry.vine.test, so the addresses in what it
serves begin with that name, whatever name a client used:

    /npm/            vine-table needs vine-colours
    /pypi/simple/    vine-report needs vine-units
    /cargo/          vine-slug needs vine-text
    /doc             a page of text

Packages are made in memory and come out the same each time. Each path that is asked for is a line
on stderr; nobody needs to log in.
"""

import base64
import gzip
import hashlib
import io
import json
import sys
import tarfile
import urllib.parse
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BASE = "http://registry.vine.test"


def tgz(top, files):
    """A .tar.gz of these files, all below the folder `top`."""
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"{top}/{name}")
            entry.size, entry.mode, entry.mtime = len(text.encode()), 0o644, 500_000_000
            archive.addfile(entry, io.BytesIO(text.encode()))
    return gzip.compress(inner.getvalue(), mtime=0)


def to_json(value):
    return json.dumps(value, indent=1).encode()


# npm


def npm(name, version, code, dependencies):
    """The paths of one npm package."""
    manifest = {
        "name": name,
        "version": version,
        "main": "index.js",
        "dependencies": dependencies,
    }
    tarball = tgz("package", {"package.json": json.dumps(manifest), "index.js": code})
    path = f"/npm/{name}/-/{name}-{version}.tgz"
    integrity = base64.b64encode(hashlib.sha512(tarball).digest()).decode()
    dist = {
        "tarball": BASE + path,
        "integrity": f"sha512-{integrity}",
        "shasum": hashlib.sha1(tarball).hexdigest(),
    }
    packument = {
        "name": name,
        "dist-tags": {"latest": version},
        "versions": {version: {**manifest, "dist": dist}},
    }
    return {
        f"/npm/{name}": ("application/json", to_json(packument)),
        path: ("application/octet-stream", tarball),
    }


COLOURS_JS = """'use strict';
const codes = { red: 31, green: 32, blue: 34 };
exports.names = Object.keys(codes);
exports.paint = (name, text) => `\\u001b[${codes[name]}m${text}\\u001b[0m`;
"""

TABLE_JS = """'use strict';
const { paint } = require('vine-colours');
exports.table = (rows, head) => {
  const widths = rows[0].map((_, at) => Math.max(...rows.map((row) => String(row[at]).length)));
  const lines = rows.map((row) => row.map((cell, at) => String(cell).padEnd(widths[at])).join(' | '));
  if (head) lines[0] = paint(head, lines[0]);
  return lines.join('\\n');
};
"""


# PyPI


def wheel(name, version, code, requires):
    """The paths of one pure Python package."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    files = {
        f"{module}/__init__.py": code,
        f"{info}/METADATA": metadata + "".join(f"Requires-Dist: {one}\n" for one in requires),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: vine\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [f"{file},sha256={digest(text)},{len(text.encode())}" for file, text in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for file, text in files.items():
            archive.writestr(zipfile.ZipInfo(file), text)
    file = f"{module}-{version}-py3-none-any.whl"
    sha256 = hashlib.sha256(packed.getvalue()).hexdigest()
    link = f'<a href="{BASE}/pypi/files/{file}#sha256={sha256}">{file}</a>'
    return {
        f"/pypi/simple/{name}/": ("text/html", page(name, link)),
        f"/pypi/files/{file}": ("application/octet-stream", packed.getvalue()),
    }


def digest(text):
    """The form in which a wheel's RECORD wants it."""
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


def page(title, body):
    return f"<!DOCTYPE html><html><head><title>{title}</title></head><body>{body}</body></html>".encode()


UNITS_PY = '''"""Units of length."""

METRES = {"m": 1.0, "km": 1000.0, "mile": 1609.344}


def convert(value, source, target):
    return value * METRES[source] / METRES[target]
'''

REPORT_PY = '''"""Lines for people."""

from vine_units import convert


def distance(metres, unit="km"):
    return f"{convert(metres, 'm', unit):.2f} {unit}"
'''


# Cargo


def crate(name, version, code, dependencies):
    """The paths of one crate."""
    needs = "".join(f'[dependencies.{one}]\nversion = "{req}"\n' for one, req in dependencies.items())
    manifest = f'[package]\nname = "{name}"\nversion = "{version}"\nedition = "2021"\n\n{needs}'
    packed = tgz(f"{name}-{version}", {"Cargo.toml": manifest, "src/lib.rs": code})
    entry = {
        "name": name,
        "vers": version,
        "deps": [cargo_dependency(one, req) for one, req in dependencies.items()],
        "cksum": hashlib.sha256(packed).hexdigest(),
        "features": {},
        "yanked": False,
    }
    return {
        f"/cargo/{name[:2]}/{name[2:4]}/{name}": ("text/plain", json.dumps(entry).encode() + b"\n"),
        f"/cargo/crates/{name}/{version}": ("application/octet-stream", packed),
    }


def cargo_dependency(name, requirement):
    """One dependency as an index has it; without a registry it is of the same one."""
    return {
        "name": name,
        "req": requirement,
        "features": [],
        "optional": False,
        "default_features": True,
        "target": None,
        "kind": "normal",
        "registry": None,
        "package": None,
    }


TEXT_RS = """//! Words of a text.

/// The words, in lower case.
pub fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}
"""

SLUG_RS = """//! Names for addresses.

/// `Hello, World` becomes `hello-world`.
pub fn slug(text: &str) -> String {
    vine_text::words(text).collect::<Vec<_>>().join("-")
}
"""


PATHS = {
    **npm("vine-colours", "1.2.0", COLOURS_JS, {}),
    **npm("vine-table", "2.0.1", TABLE_JS, {"vine-colours": "^1.0.0"}),
    # What npm asks after each installation: known weaknesses, here none.
    "/npm/-/npm/v1/security/advisories/bulk": ("application/json", b"{}"),
    **wheel("vine-units", "0.3.0", UNITS_PY, []),
    **wheel("vine-report", "1.1.0", REPORT_PY, ["vine-units>=0.3"]),
    "/pypi/simple/": (
        "text/html",
        page("Simple index", '<a href="vine-report/">vine-report</a> <a href="vine-units/">vine-units</a>'),
    ),
    **crate("vine-text", "0.4.2", TEXT_RS, {}),
    **crate("vine-slug", "1.0.3", SLUG_RS, {"vine-text": "^0.4"}),
    "/cargo/config.json": ("application/json", to_json({"dl": f"{BASE}/cargo/crates/{{crate}}/{{version}}"})),
    "/doc": ("text/plain; charset=utf-8", b"vine-table draws tables.\nIts head is painted by vine-colours.\n"),
}


class Registry(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        """A client behind a proxy may name the host in its request line too."""
        path = urllib.parse.urlsplit(self.path).path
        print(path, file=sys.stderr, flush=True)
        self.rfile.read(int(self.headers.get("content-length") or 0))
        kind, body = PATHS.get(path, (None, b"Nothing is here.\n"))
        self.send_response(404 if kind is None else 200)
        self.send_header("content-type", kind or "text/plain")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = answer

    def log_message(self, *_):
        """Paths are all that is written."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Registry)
    print(server.server_port, flush=True)
    server.serve_forever()
