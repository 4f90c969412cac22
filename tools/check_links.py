"""Ask every address of the registry whether it is alive. For maintainers, online.

    make check-links                                  # all; OSF wants this done in parts
    python -m tools.check_links adhd atlas_msdl       # some
    python -m tools.check_links --full atlas_msdl     # read the files, for their hashes

Prints dead links, sizes and hashes that differ from the registry's, and those that it lacks, in
the form in which its tables have them. Ends with 1 if anything is dead or differs.
"""

import argparse
import hashlib
import json
import re
import sys
import time
from dataclasses import dataclass

import requests

from nbica.datasets import registry
from nbica.datasets.download.plan import in_words
from nbica.datasets.download.transfer import TIMEOUT, retry_after

_PAUSE = 0.2  # s between two requests
_LONGEST_WAIT = 3700  # s; OSF counts by the hour


@dataclass
class Link:
    """What a server says of a file."""

    url: str
    trouble: str = ""
    size: int | None = None
    hash: str | None = None


def check(entry, *, is_full=False, pause=_PAUSE):
    """Yield path and findings, each a line, of all files of a data set that have any."""
    for file in entry.files.values():
        links = [ask(url, is_full=is_full, pause=pause) for url in file.urls]
        findings = [line for link in links for line in compare(file, link)]
        if findings:
            yield file.path, findings


def compare(file, link):
    """What is dead, what differs, and what the registry could be told."""
    if link.trouble:
        return [f"DEAD {link.url}: {link.trouble}"]
    lines = []
    for name in ("size", "hash"):
        known, found = getattr(file, name), getattr(link, name)
        is_same_kind = (
            name == "size" or str(known).partition(":")[0] == str(found).partition(":")[0]
        )
        if known and found and is_same_kind and known != found:
            lines.append(f"DIFFERS {link.url}: {name} {found}, the registry has {known}")
        elif found and not known:
            words = f" ({in_words(found)})" if name == "size" else ""
            lines.append(f"FILL IN {name} {found}{words}")
    return lines


def _kind(value):
    """The algorithm of a hash; sizes are all of one kind."""
    return value.partition(":")[0] if isinstance(value, str) else ""


def ask(url, *, is_full=False, pause=_PAUSE):
    """HEAD, or GET if the server knows no HEAD or all bytes are wanted."""
    time.sleep(pause)
    try:
        if is_full:
            return _read(url)
        answer = _patiently("HEAD", url)
        if answer.status_code in (403, 405, 501):  # S3 and others refuse HEAD where GET is allowed
            answer = _patiently("GET", url)
        return _link(url, answer)
    except requests.RequestException as error:
        return Link(url, str(error))


def _patiently(method, url):
    while True:
        answer = requests.request(method, url, timeout=TIMEOUT, allow_redirects=True, stream=True,
                                  headers={"Accept-Encoding": "identity"})  # fmt: skip
        answer.close()
        wait = retry_after(answer.headers.get("Retry-After"), time.time())
        if answer.status_code != 429 or not 0 <= (wait or -1) <= _LONGEST_WAIT:
            return answer
        time.sleep(wait)


def _link(url, answer):
    if answer.status_code != 200:
        return Link(url, f"{answer.status_code} {answer.reason}")
    if answer.headers.get("Content-Type", "").startswith("text/html"):
        return Link(url, "a web page")
    size = answer.headers.get("Content-Length")
    return Link(url, size=int(size) if size else None, hash=told_hash(answer.headers))


def told_hash(headers):
    """The hash that OSF's metadata or S3's ETag tell; None if there is none."""
    try:
        hashes = json.loads(headers["X-Waterbutler-Metadata"])["attributes"]["extra"]["hashes"]
        return f"sha256:{hashes['sha256']}"
    except (KeyError, TypeError, ValueError):
        etag = headers.get("ETag", "").strip('"')
        is_s3 = "x-amz-request-id" in {name.lower() for name in headers}
        return f"md5:{etag}" if is_s3 and re.fullmatch("[0-9a-f]{32}", etag) else None


def _read(url):
    with requests.get(url, stream=True, timeout=TIMEOUT) as answer:
        link = _link(url, answer)
        if link.trouble:
            return link
        digest, size = hashlib.sha256(), 0
        while piece := answer.raw.read(1 << 20, decode_content=False):
            digest.update(piece)
            size += len(piece)
    return Link(url, size=size, hash=f"sha256:{digest.hexdigest()}")


def main(arguments=None):
    """Check what is asked for; return whether all is well, as an exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.check_links")
    parser.add_argument("names", nargs="*", help="data sets; all by default")
    parser.add_argument("--full", action="store_true", help="read the files, for their hashes")
    options = parser.parse_args(arguments)
    is_bad = False
    for name in options.names or registry.names():
        for path, findings in check(registry.dataset(name), is_full=options.full):
            for line in findings:
                print(f"{name}\t{path}\t{line}", flush=True)
                is_bad |= not line.startswith("FILL IN")
    return int(is_bad)


if __name__ == "__main__":
    sys.exit(main())
