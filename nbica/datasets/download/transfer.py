"""The bytes of one url, into a `.part` that is resumed.

Beside the part stands a small file with the url, the validator (ETag or date) and the length that
the server promised. A later call asks for the rest with `If-Range`: a server whose file changed
sends all of it, and the part starts anew. (pooch, which would do the rest, downloads from the start
each time and leaves an empty file where it is killed.)
"""

import contextlib
import email.utils
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit
from urllib.request import url2pathname

from nbica import __version__
from nbica.datasets.download.addresses import shown, without_secrets

TIMEOUT = (10, 20)  # s to connect, and between two pieces
_CHUNK = 1 << 18
_HEADERS = {"User-Agent": f"nbica/{__version__} (python-requests)", "Accept-Encoding": "identity"}
_TRY_LATER = (408, 425, 429, 500, 502, 503, 504)
FINAL = 99  # weight of an error that another attempt will not mend


class TransferError(Exception):
    """Why the bytes of a url did not come.

    Attributes
    ----------
    weight : int
        How much it counts towards giving this url up.
    wait : float or None
        Seconds after which the server asks to be tried again.
    is_offline : bool
        Whether it looks as if there were no network at all.
    """

    def __init__(self, reason, weight=FINAL, wait=None, *, is_offline=False):
        super().__init__(reason)
        self.weight = weight
        self.wait = wait
        self.is_offline = is_offline


class _TooLong(TransferError):
    """A file is longer than was planned; what came of it goes."""


@dataclass
class Begun:
    """What is here of a file: a number of bytes, of a file of that validator and length.

    The url is without passwords: it is written beside the part.
    """

    url: str
    offset: int = 0
    validator: str | None = None
    length: int | None = None


@dataclass
class _Answer:
    """What a server sends: bytes from `offset` on, of a file of some length."""

    offset: int
    length: int | None
    validator: str | None
    pieces: object


def transfer(
    url, part, *, is_checked=False, most_bytes=None, tell=lambda n: None, check=lambda: None
):
    """Bring the bytes of a url into the file `part`, or as many as come.

    Parameters
    ----------
    url : str
        http, https or file.
    part : Path
        Continued, if it was begun from the same url.
    is_checked : bool
        Whether a hash will be checked; only then a part is continued without a validator.
    most_bytes : int, optional
        A longer file is refused: when the server says so, else when so many bytes are here.
    tell : callable
        Told the number of bytes that are here, again and again.
    check : callable
        Called between pieces; may raise to stop.

    Raises
    ------
    TransferError
        If not all bytes came; those that did stay in the part.
    """
    begun = what_is_here(url, part, is_checked=is_checked)
    if begun.offset and begun.offset == begun.length:
        return  # killed between the last byte and the new name
    with _named_errors(url), _ask(url, begun) as answer, _tidied(part):
        _check_length(answer.length, most_bytes)
        if not _continues(answer, begun):
            discard(part)
            msg = "the file changed at the server; starting anew"
            raise TransferError(msg, weight=1, wait=0)
        if not answer.offset:
            discard(part)  # first: else a kill here would leave old bytes under the new validator
        _note_begun(part, Begun(shown(url), 0, answer.validator, answer.length))
        answer.pieces = _limited(answer.pieces, answer.offset, most_bytes)
        n_here = _write(answer, part, tell, check)
    if answer.length is not None and n_here != answer.length:
        msg = f"the transfer was cut: {n_here} of {answer.length} bytes came"
        raise TransferError(msg, weight=1)


@contextlib.contextmanager
def _tidied(part):
    try:
        yield
    except _TooLong:
        discard(part)
        raise


def what_is_here(url, part, *, is_checked):
    """What can be continued of an earlier transfer."""
    url, side = shown(url), _side_file(part)
    try:
        begun = Begun(**json.loads(side.read_text(encoding="utf-8")))
        n_here = part.stat().st_size
        is_longer = begun.length is not None and n_here > begun.length
    except (OSError, ValueError, TypeError):
        return Begun(url)
    if begun.url != url or is_longer or not (begun.validator or is_checked):
        return Begun(url)
    return Begun(url, n_here, begun.validator, begun.length)


def discard(part):
    """Remove a part and what stands beside it."""
    part.unlink(missing_ok=True)
    _side_file(part).unlink(missing_ok=True)


def _side_file(part):
    return part.with_name(part.name + ".json")


def _note_begun(part, begun):
    # In place: no other process is here, and a half-written one is as good as none.
    _side_file(part).write_text(json.dumps(asdict(begun)), encoding="utf-8")


def _check_length(n_bytes, most_bytes):
    if n_bytes is not None and most_bytes is not None and n_bytes > most_bytes:
        msg = (
            f"the file has {n_bytes} bytes or more, where {most_bytes} at most were planned: "
            "stopped"
        )
        raise _TooLong(msg)


def _limited(pieces, n_here, most_bytes):
    """The pieces of an answer, until they are more than was planned."""
    for piece in pieces:
        n_here += len(piece)
        _check_length(n_here, most_bytes)
        yield piece


def _write(answer, part, tell, check):
    """Append the pieces of an answer to the part that is here; return how many bytes it has."""
    n_here = answer.offset
    with part.open("r+b" if n_here else "wb") as stream:
        stream.seek(n_here)
        stream.truncate()
        tell(n_here)
        for piece in answer.pieces:
            stream.write(piece)
            n_here += len(piece)
            tell(n_here)
            check()
    return n_here


def _continues(answer, begun):
    """Whether an answer is the whole file, or goes on where the part ends, of the same file."""
    same_validator = begun.validator in (None, answer.validator)
    same_length = begun.length in (None, answer.length)
    return answer.offset == 0 or (answer.offset == begun.offset and same_validator and same_length)


# --- asking ---


@contextlib.contextmanager
def _ask(url, begun):
    """Yield an answer of a server, or of a folder, from where the part that is here ends."""
    if urlsplit(url).scheme == "file":
        with _local_path(url).open("rb") as stream:
            length = _local_path(url).stat().st_size
            yield _Answer(0, length, None, iter(lambda: stream.read(_CHUNK), b""))
        return
    import requests

    headers = _HEADERS | _range(begun)
    options = {"stream": True, "timeout": TIMEOUT, "hooks": {"response": _check_redirect}}
    with requests.get(url, headers=headers, **options) as response:
        if response.status_code == 416 and begun.offset:
            # Nothing after what is here: the part is too long, or of another file.
            yield _Answer(-1, None, None, ())
            return
        _check_status(response)
        _check_is_no_page(response, url)
        offset, length = _place(response)
        yield _Answer(offset, length, _validator(response.headers), _pieces(response.raw))


def _check_redirect(response, **_):
    """Refuse another scheme: from https to what is not encrypted, or to a file of this machine."""
    if not response.is_redirect:
        return
    here = urlsplit(response.url).scheme
    try:
        there = urlsplit(urljoin(response.url, response.headers["location"])).scheme
    except ValueError:
        there = "what is not an address"
    if there != here and (here, there) != ("http", "https"):
        msg = f"the server leads from {here} to {there}: refused"
        raise TransferError(msg)


def _pieces(raw):
    """Bytes as they come, so that a time-out loses none; with an older urllib3, a piece at most.

    Undecoded: some servers call a .gz file an encoding, and it would be unpacked on the way.
    """
    read = getattr(raw, "read1", raw.read)
    while piece := read(_CHUNK, decode_content=False):
        yield piece


def _local_path(url):
    return Path(url2pathname(unquote(urlsplit(url).path)))


def _range(begun):
    """Headers that ask for the rest of a file, if it is still the same file."""
    if not begun.offset:
        return {}
    condition = {"If-Range": begun.validator} if begun.validator else {}
    return {"Range": f"bytes={begun.offset}-"} | condition


def _check_status(response):
    status = response.status_code
    if status in (200, 206):
        return
    if status in _TRY_LATER:
        wait = retry_after(response.headers.get("Retry-After"), time.time())
        msg = f"the server answers {status} {response.reason}"
        msg += f" and asks to be left alone for {wait:.0f} s" if wait else ""
        raise TransferError(msg, weight=1, wait=wait)
    meaning = {401: "asks for a login", 403: "refuses", 404: "has no such file", 410: "removed it"}
    msg = f"the server {meaning.get(status, 'answers')} ({status} {response.reason})"
    raise TransferError(msg)


def retry_after(text, now):
    """Seconds that a `Retry-After` header asks for, given in seconds or as a date; None if none."""
    if not text:
        return None
    if text.strip().isdecimal():
        return float(text)
    date = email.utils.parsedate_tz(text)
    return max(0.0, email.utils.mktime_tz(date) - now) if date else None


def _check_is_no_page(response, url):
    kind = response.headers.get("Content-Type", "").lower()
    if kind.startswith(("text/html", "application/xhtml")) and not url.endswith((".html", ".htm")):
        msg = "a web page came instead of the file: the host is down, moved it, or wants a login"
        raise TransferError(msg)


def _place(response):
    """Where the bytes of an answer belong, and how long the whole file is."""
    n_sent = response.headers.get("Content-Length", "")
    if response.status_code == 200:
        return 0, int(n_sent) if n_sent.isdecimal() else None
    span, _, length = response.headers.get("Content-Range", "").partition("/")
    start = span.removeprefix("bytes ").split("-")[0]
    if not start.isdecimal():
        msg = "the server sent a part of the file without saying which"
        raise TransferError(msg, weight=2)
    return int(start), int(length) if length.isdecimal() else None


def _validator(headers):
    """What `If-Range` may be given: an ETag that is not weak, else the date of the file."""
    etag = headers.get("ETag", "")
    return etag if etag and not etag.startswith("W/") else headers.get("Last-Modified")


# --- what goes wrong ---


@contextlib.contextmanager
def _named_errors(url):
    """Turn what the libraries below raise into one kind of error, in words."""
    import requests
    import urllib3

    try:
        yield
    except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
        raise _translated(error, url) from None  # the other error may hold a password
    except UnicodeError:
        msg = "the server leads to what is not an address"
        raise TransferError(msg) from None
    except FileNotFoundError as error:
        if urlsplit(url).scheme != "file":
            raise
        msg = "there is no such file in this folder"
        raise TransferError(msg) from error


def _translated(error, url):
    """An error of the libraries below, in words and without what is secret in the url."""
    from requests import exceptions as theirs
    from urllib3 import exceptions as below

    if isinstance(error, theirs.TooManyRedirects):
        return TransferError("the server redirects in circles")
    if isinstance(error, (theirs.ProxyError, below.ProxyError)):
        msg = "the proxy does not answer (see the variables HTTP_PROXY, HTTPS_PROXY, NO_PROXY)"
        return TransferError(msg, is_offline=True)
    if isinstance(error, (theirs.SSLError, below.SSLError)):
        reason = without_secrets(str(error), url)
        return TransferError(f"the certificate of the host is not accepted ({reason})")
    if isinstance(error, (theirs.Timeout, below.TimeoutError)):
        return TransferError(f"no answer within {TIMEOUT[1]} s", weight=1)
    if isinstance(error, (theirs.ConnectionError, theirs.ChunkedEncodingError, below.HTTPError)):
        return _connection_error(without_secrets(str(error), url))
    return TransferError(f"the request failed ({without_secrets(str(error), url)})")


def _connection_error(text):
    if "NameResolution" in text or "unreachable" in text:
        return TransferError("the host cannot be found: is there a network?", is_offline=True)
    if "Read timed out" in text:
        return TransferError(f"no byte within {TIMEOUT[1]} s", weight=1)
    if "refused" in text:
        return TransferError("the host refuses connections", weight=2, is_offline=True)
    # What came may be anything, at any length.
    return TransferError(f"the transfer was cut ({text[:200]})", weight=1)
