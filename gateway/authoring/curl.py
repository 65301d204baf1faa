"""Reads a curl command line into the request that curl would send. Nothing is run or sent."""

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote_plus

from gateway.authoring.asked import Asked, make_request, read_bytes, read_url, shown
from gateway.errors import UsageError
from gateway.model import Caller

LONG = {
    "-X": "--request", "-d": "--data", "-F": "--form", "-H": "--header", "-u": "--user", "-G": "--get",
    "-I": "--head", "-A": "--user-agent", "-e": "--referer", "-b": "--cookie", "-T": "--upload-file",
    "-s": "--silent", "-S": "--show-error", "-k": "--insecure", "-L": "--location", "-v": "--verbose",
    "-i": "--include", "-f": "--fail", "-o": "--output", "-O": "--remote-name", "-w": "--write-out",
    "-x": "--proxy", "-m": "--max-time", "-N": "--no-buffer", "-#": "--progress-bar", "-D": "--dump-header",
    "-c": "--cookie-jar", "-E": "--cert", "-4": "--ipv4", "-6": "--ipv6", "-g": "--globoff",
    "-0": "--http1.0", "-q": "--disable", "-J": "--remote-header-name", "-a": "--append",
    "-U": "--proxy-user", "-y": "--speed-time", "-Y": "--speed-limit", "-z": "--time-cond", "-r": "--range",
}  # fmt: skip

IDLE = frozenset({
    "--silent", "--show-error", "--insecure", "--location", "--verbose", "--include", "--fail",
    "--remote-name", "--no-buffer", "--progress-bar", "--ipv4", "--ipv6", "--http1.0", "--http1.1",
    "--http2", "--http3", "--http2-prior-knowledge", "--disable", "--fail-with-body", "--location-trusted",
    "--no-progress-meter", "--remote-header-name", "--tcp-nodelay", "--no-keepalive", "--tlsv1.2",
    "--tlsv1.3", "--ssl-no-revoke", "--create-dirs", "--retry-all-errors", "--retry-connrefused",
    "--no-compressed", "--styled-output", "--raw",
})  # fmt: skip
"""Change nothing of the request."""

IDLE_WITH_VALUE = frozenset({
    "--output", "--write-out", "--proxy", "--max-time", "--dump-header", "--cookie-jar", "--cert", "--key",
    "--cacert", "--capath", "--connect-timeout", "--retry", "--retry-delay", "--retry-max-time",
    "--resolve", "--connect-to", "--proxy-user", "--proxy-header", "--noproxy", "--interface",
    "--limit-rate", "--max-redirs", "--keepalive-time", "--output-dir", "--stderr", "--trace",
    "--trace-ascii", "--ciphers", "--cert-type", "--key-type", "--pass", "--speed-time", "--speed-limit",
    "--proxy-cacert", "--preproxy", "--unix-socket",
})  # fmt: skip

FORM_TYPE = "application/x-www-form-urlencoded"
BOUNDARY = "------------------------secondsig"
AGENT = "curl/8.0.0"


@dataclass
class _Command:
    """What the options have said so far. `data` of None means that no body was asked for."""

    read: Callable[[str], bytes]
    method: str | None = None
    urls: list[str] = field(default_factory=list)
    headers: list[tuple[str, str | None]] = field(default_factory=list)
    usual: dict[str, str] = field(default_factory=lambda: {"User-Agent": AGENT, "Accept": "*/*"})
    data: bytes | None = None
    parts: list[bytes] = field(default_factory=list)
    upload: bytes | None = None
    is_json: bool = False
    in_query: bool = False
    head: bool = False
    globs: bool = True
    squashes: bool = True

    def add(self, more: bytes, joint: bytes = b"&") -> None:
        self.data = more if self.data is None else self.data + joint + more


def read_curl(arguments: Sequence[str], caller: Caller, folder: Path | None) -> Asked:
    """The one request of the command. `@file` is read in this folder, or refused; so is standard input."""
    command = _Command(lambda name: _file(name, folder))
    _read_options(command, list(arguments[1:] if arguments[:1] == ["curl"] else arguments))
    if len(command.urls) != 1:
        raise UsageError(
            "The curl command names no address." if not command.urls else "Explain one address at a time."
        )
    return _asked(command, caller)


def _file(name: str, folder: Path | None) -> bytes:
    if folder is None:
        raise UsageError("curl would read a file there, and none is read here: write its content instead.")
    if name == "-":
        raise UsageError("curl would read its standard input there: write the data into a file and name it.")
    return read_bytes(folder / name)


def _read_options(command: _Command, waiting: list[str]) -> None:
    while waiting:
        word = waiting.pop(0)
        if word == "--":
            command.urls += waiting
            return
        if not word.startswith("-") or word == "-":
            command.urls.append(word)
        elif word.startswith("--"):
            _option(command, word, word, waiting)
        else:
            _short(command, word, waiting)


def _short(command: _Command, word: str, waiting: list[str]) -> None:
    """`-sXPOST` is `-s -X POST`."""
    letters = word[1:]
    while letters:
        name, letters = f"-{letters[0]}", letters[1:]
        long = LONG.get(name, name)
        if letters and long in WITH_VALUE:
            _option(command, long, name, [letters])
            return
        _option(command, long, name, waiting)


def _option(command: _Command, name: str, written: str, waiting: list[str]) -> None:
    if name in IDLE:
        return
    if name in FLAGS:
        FLAGS[name](command)
        return
    if name not in WITH_VALUE:
        raise UsageError(
            f"curl's option {shown(written)} is not known here: leave it out if the request is the same."
        )
    if not waiting:
        raise UsageError(f"curl's option {written} needs a value.")
    value = waiting.pop(0)
    if name not in IDLE_WITH_VALUE:
        VALUES[name](command, value)


def _set(name: str, value: object) -> Callable[[_Command], None]:
    return lambda command: setattr(command, name, value)


def _method(command: _Command, value: str) -> None:
    command.method = value


def _url(command: _Command, value: str) -> None:
    command.urls.append(value)


def _header(command: _Command, value: str) -> None:
    if value.startswith("@"):
        for line in command.read(value[1:]).decode("latin-1").splitlines():
            _header(command, line.removeprefix("@"))
        return
    name, colon, text = value.partition(":")
    if colon:
        # `Name:` takes one of curl's own headers away.
        command.headers.append((name.strip(), text.strip() or None))
    elif value.endswith(";"):
        command.headers.append((value[:-1].strip(), ""))
    else:
        raise UsageError(f"The header {shown(value)} has no colon.")


def _user(command: _Command, value: str) -> None:
    pair = value if ":" in value else f"{value}:"
    command.usual["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()


def _bearer(command: _Command, value: str) -> None:
    command.usual["Authorization"] = f"Bearer {value}"


def _usual(name: str) -> Callable[[_Command, str], None]:
    return lambda command, value: command.usual.__setitem__(name, value)


def _cookie(command: _Command, value: str) -> None:
    if "=" not in value:
        raise UsageError("curl would read cookies from a file there: write them as -b 'name=value'.")
    before = command.usual.get("Cookie")
    command.usual["Cookie"] = value if before is None else f"{before};{value}"


def _data(command: _Command, value: str) -> None:
    if value.startswith("@"):
        command.add(command.read(value[1:]).translate(None, b"\r\n\0"))
    else:
        command.add(_bytes(value))


def _data_raw(command: _Command, value: str) -> None:
    command.add(_bytes(value))


def _binary(command: _Command, value: str) -> None:
    command.add(command.read(value[1:]) if value.startswith("@") else _bytes(value))


def _json(command: _Command, value: str) -> None:
    command.is_json = True
    command.add(command.read(value[1:]) if value.startswith("@") else _bytes(value), b"")


def _urlencode(command: _Command, value: str) -> None:
    """`text`, `=text`, `name=text`, `@file` or `name@file`."""
    found = re.fullmatch(r"(?P<name>[^=@]*)(?P<sign>[=@])(?P<text>.*)", value, re.DOTALL)
    if found is None:
        command.add(quote_plus(value).encode())
        return
    text = command.read(found["text"]) if found["sign"] == "@" else _bytes(found["text"])
    written = quote_plus(text)
    command.add(f"{found['name']}={written}".encode() if found["name"] else written.encode())


def _upload(command: _Command, value: str) -> None:
    command.upload = command.read(value)


def _form(command: _Command, value: str) -> None:
    """One part: `name=text`, `name=@file` or `name=<file`, each perhaps with `;type=` and `;filename=`."""
    name, equals, text = value.partition("=")
    if not equals:
        raise UsageError(f"The part {shown(value)} of -F has no '='.")
    said = dict(re.findall(r";(type|filename)=([^;]*)", text))
    bare = re.sub(r";(?:type|filename)=[^;]*", "", text)
    disposition, kind = f'form-data; name="{_quoted(name)}"', said.get("type")
    if bare.startswith("@"):
        kind = kind or _guess(bare[1:])
        disposition += f'; filename="{_quoted(said.get("filename") or Path(bare[1:]).name)}"'
    elif "filename" in said:
        disposition += f'; filename="{_quoted(said["filename"])}"'
    content = command.read(bare[1:]) if bare.startswith(("@", "<")) else _bytes(bare)
    command.parts.append(_part(disposition, kind, content))


def _form_string(command: _Command, value: str) -> None:
    name, equals, text = value.partition("=")
    if not equals:
        raise UsageError(f"The part {shown(value)} of --form-string has no '='.")
    command.parts.append(_part(f'form-data; name="{_quoted(name)}"', None, _bytes(text)))


def _part(disposition: str, kind: str | None, content: bytes) -> bytes:
    head = f"Content-Disposition: {disposition}\r\n" + (f"Content-Type: {kind}\r\n" if kind else "")
    return f"--{BOUNDARY}\r\n{head}\r\n".encode(errors="surrogateescape") + content + b"\r\n"


def _quoted(name: str) -> str:
    return name.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "%0D").replace("\n", "%0A")


def _guess(name: str) -> str:
    known = {
        ".gif": "image/gif", ".jpg": "image/jpeg", ".png": "image/png", ".svg": "image/svg+xml",
        ".html": "text/html", ".pdf": "application/pdf", ".txt": "text/plain", ".xml": "application/xml",
    }  # fmt: skip
    return known.get(Path(name).suffix.lower(), "application/octet-stream")


def _range(command: _Command, value: str) -> None:
    command.usual["Range"] = f"bytes={value}"


def _compressed(command: _Command) -> None:
    command.usual["Accept-Encoding"] = "deflate, gzip"


FLAGS: dict[str, Callable[[_Command], None]] = {
    "--get": _set("in_query", value=True),
    "--head": _set("head", value=True),
    "--globoff": _set("globs", value=False),
    "--path-as-is": _set("squashes", value=False),
    "--compressed": _compressed,
    "--basic": lambda _command: None,
}
VALUES: dict[str, Callable[[_Command, str], None]] = {
    "--request": _method,
    "--url": _url,
    "--header": _header,
    "--user": _user,
    "--oauth2-bearer": _bearer,
    "--user-agent": _usual("User-Agent"),
    "--referer": _usual("Referer"),
    "--cookie": _cookie,
    "--data": _data,
    "--data-ascii": _data,
    "--data-raw": _data_raw,
    "--data-binary": _binary,
    "--data-urlencode": _urlencode,
    "--json": _json,
    "--form": _form,
    "--form-string": _form_string,
    "--upload-file": _upload,
    "--range": _range,
}
WITH_VALUE = IDLE_WITH_VALUE | VALUES.keys()


def _asked(command: _Command, caller: Caller) -> Asked:
    url = command.urls[0]
    if command.globs and re.search(r"[{}\[\]]", url.partition("//")[2].partition("/")[2]):
        raise UsageError("curl would make several addresses of {…} or […]: write one of them, or add -g.")
    origin, target = read_url(url, "http")
    if command.squashes:
        target = _squash(target)
    body, usual_type = _body(command)
    if command.in_query and command.data is not None:
        target += ("&" if "?" in target else "?") + command.data.decode("utf-8", "surrogateescape")
        body, usual_type = b"", None
    method = command.method or _usual_method(command)
    usual_port = origin.port == (443 if origin.scheme == "https" else 80)
    host = origin.host if usual_port else f"{origin.host}:{origin.port}"
    headers = _headers(command, host, usual_type, body)
    return Asked(make_request(caller, method, origin, target, headers, body), "the curl command")


def _usual_method(command: _Command) -> str:
    if command.head:
        return "HEAD"
    if command.upload is not None:
        return "PUT"
    sends = command.parts or (command.data is not None and not command.in_query)
    return "POST" if sends else "GET"


def _body(command: _Command) -> tuple[bytes, str | None]:
    given = [what for what in (command.parts or None, command.data, command.upload) if what is not None]
    if len(given) > 1:
        raise UsageError("curl sends one body: give -d, -F or -T, not two of them.")
    if command.parts:
        closed = b"".join(command.parts) + f"--{BOUNDARY}--\r\n".encode()
        return closed, f"multipart/form-data; boundary={BOUNDARY}"
    if command.upload is not None:
        return command.upload, None
    if command.data is None:
        return b"", None
    return command.data, "application/json" if command.is_json else FORM_TYPE


def _headers(command: _Command, host: str, usual_type: str | None, body: bytes) -> list[tuple[str, str]]:
    """The headers of curl's own, each replaced or taken away by one that was given."""
    usual = {"Host": host, **command.usual}
    if command.is_json:
        usual["Accept"] = "application/json"
    if usual_type is not None:
        usual["Content-Type"] = usual_type
    if body:
        usual["Content-Length"] = str(len(body))
    given = {name.lower() for name, _ in command.headers}
    kept = [(name, value) for name, value in usual.items() if name.lower() not in given]
    return kept + [(name, value) for name, value in command.headers if value is not None]


def _squash(target: str) -> str:
    """As curl does, takes dot segments out of a path before it is sent."""
    path, mark, query = target.partition("?")
    kept: list[str] = []
    pieces = path.split("/")[1:]
    for index, piece in enumerate(pieces):
        if piece == "..":
            kept = kept[:-1]
        elif piece != ".":
            kept.append(piece)
        if piece in {".", ".."} and index == len(pieces) - 1:
            kept.append("")
    return "/" + "/".join(kept) + mark + query


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
