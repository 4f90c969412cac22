"""The maintainer's live check, tried against a loopback server."""

import hashlib
from dataclasses import replace

import check_links
import pytest

from nbica.datasets import registry
from nbica.datasets.stand_in import Mirror
from nbica.datasets.stand_in.server import Fault

DATA = b"some bytes"


@pytest.fixture
def server(no_copies):
    with Mirror({"toy/a.bin": DATA}) as server:
        yield server.start()
        server.shutdown()


def findings(server, *, is_full=False, **known):
    """What is found of a toy data set of one file."""
    base = f"{server.url}/toy/"
    entry = registry.DataSet("toy", "", "toy", base, "", "", "", "", files={})
    entry.files["a.bin"] = replace(entry.unlisted("a.bin", "-"), **known)
    return [line for _, lines in check_links.check(entry, is_full=is_full, pause=0)
            for line in lines]  # fmt: skip


def test_a_known_link_that_is_well_is_silent(server):
    """One HEAD request, no word."""
    assert findings(server, size=len(DATA), hash="md5:0") == []


def test_sizes_are_filled_in(server):
    """In the form of the tables."""
    assert findings(server) == ["FILL IN size 10 (10 B)"]


def test_hashes_are_filled_in_after_reading(server):
    """`--full` reads the file."""
    digest = hashlib.sha256(DATA).hexdigest()

    assert findings(server, is_full=True, size=10) == [f"FILL IN hash sha256:{digest}"]


@pytest.mark.parametrize(
    ("fault", "trouble"),
    [
        (Fault(status=404), "404 Not Found"),
        (Fault(status=500), "500 Internal"),
        (Fault(is_page=True), "a web page"),
        (Fault(loops=True), "redirects"),
    ],
)
def test_dead_links_are_told(server, fault, trouble):
    """With the address and the reason."""
    server.misbehave("toy/a.bin", fault, always=True)

    (line,) = findings(server)
    assert line.startswith(f"DEAD {server.url}/toy/a.bin: ")
    assert trouble in line


def test_what_differs_is_told(server):
    """Sizes, and hashes of the same kind."""
    (size,) = findings(server, size=11)
    (digest,) = findings(server, is_full=True, size=10, hash="sha256:0")

    assert "size 10, the registry has 11" in size
    assert digest.startswith("DIFFERS")


def test_a_server_that_knows_no_head_is_asked_with_get(server):
    """403 and 405 to HEAD say nothing of GET."""
    server.misbehave("toy/a.bin", Fault(status=405))

    assert findings(server) == ["FILL IN size 10 (10 B)"]
    assert len(server.requests) == 2


def test_hashes_that_servers_tell():
    """OSF's metadata, S3's ETag of a plain upload; other ETags are none."""
    told = '{"attributes": {"extra": {"hashes": {"sha256": "ab", "md5": "cd"}}}}'
    digest = "0" * 32

    assert check_links.told_hash({"X-Waterbutler-Metadata": told}) == "sha256:ab"
    assert (
        check_links.told_hash({"ETag": f'"{digest}"', "x-amz-request-id": "1"}) == f"md5:{digest}"
    )
    assert check_links.told_hash({"ETag": f'"{digest}-4"', "x-amz-request-id": "1"}) is None
    assert check_links.told_hash({"ETag": f'"{digest}"'}) is None


def test_the_command_ends_with_1_if_anything_is_dead(server, monkeypatch, capsys):
    """One line per finding: data set, file, what."""
    original = registry.dataset
    monkeypatch.setattr(registry, "dataset", lambda name: original(name, f"{server.url}/gone.zip"))

    assert check_links.main(["atlas_msdl"]) == 1
    assert capsys.readouterr().out.startswith("atlas_msdl\tMSDL_rois.zip\tDEAD http://127.0.0.1")
