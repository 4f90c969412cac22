"""One file at a time: resumed, verified, committed, and every fault of a server in words."""

import contextlib
import hashlib
import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import requests

from nbica.datasets import registry
from nbica.datasets.download import fetch as download
from nbica.datasets.download import transfer
from nbica.datasets.download.fetch import Hosts, fetch, monitor
from nbica.datasets.download.hash_record import NAME, read
from nbica.datasets.download.plan import make_plan, part_of
from nbica.datasets.stand_in import Mirror
from nbica.datasets.stand_in.contents import tgz, zipped
from nbica.datasets.stand_in.server import Fault
from nbica.exceptions import DownloadError, RunCancelled

DATA = np.random.default_rng(0).integers(0, 256, 300_000, dtype=np.uint8).tobytes()
MD5 = f"md5:{hashlib.md5(DATA).hexdigest()}"
ROOT = Path(__file__).parents[3]


@pytest.fixture
def server(no_copies):
    """A loopback server of toy files, which tests misuse."""
    with Mirror({"toy/run.bin": DATA, "toy/other.bin": DATA[::-1]}) as server:
        yield server.start()
        server.shutdown()


def toy(server, *files, **known):
    """The plan of a data set of toy files; what is known of them is in `known`."""
    base = f"{server.url}/toy/"
    entry = registry.DataSet("toy", "Toy", "toy", base, "none", "nobody", "", "", files={})
    names = files or ("run.bin",)
    return make_plan(entry, [replace(entry.unlisted(name, "-"), **known) for name in names])


def debris(folder):
    """What should not be there after a fetch."""
    kept = {"run.bin", "other.bin", NAME}
    return [path for path in folder.rglob("*") if path.is_file() and path.name not in kept]


def ranges(server):
    return [headers.get("Range") for _, headers in server.requests]


# --- the plain course ---


def test_a_file_comes_whole_and_leaves_nothing_else(server, no_copies):
    """The file, and one record of it; no part, no lock, no working folder."""
    paths = fetch(toy(server), verbose=0)

    assert Path(paths["run.bin"]).read_bytes() == DATA
    assert sorted(p.name for p in (no_copies / "toy").iterdir()) == [NAME, "run.bin"]
    assert read(no_copies / "toy")["run.bin"]["size"] == len(DATA)


def test_what_is_here_is_not_asked_for_again(server):
    """A second call makes no request."""
    fetch(toy(server), verbose=0)
    fetch(toy(server), verbose=0)

    assert server.paths() == ["toy/run.bin"]


def test_a_damaged_file_comes_again(server):
    """A file that got another size since is noticed at a glance and replaced."""
    path = Path(fetch(toy(server), verbose=0)["run.bin"])
    path.write_bytes(DATA[:100])
    plan = toy(server)
    fetch(plan, verbose=0)

    assert plan.items[0].state == "damaged"
    assert path.read_bytes() == DATA


def test_a_changed_file_of_the_same_size_is_found_by_reading(server):
    """`verify` compares hashes, also recorded ones, and the plan then replaces the file."""
    path = Path(fetch(toy(server), verbose=0)["run.bin"])
    path.write_bytes(DATA[::-1])
    assert toy(server).items[0].state == "here"

    verified = toy(server).again(verify=True)
    fetch(verified, verbose=0)

    assert verified.items[0].state == "damaged"
    assert path.read_bytes() == DATA


# --- resuming ---


def test_a_cut_transfer_goes_on_where_it_was(server):
    """The rest is asked for, on condition that the file is the same; no byte comes twice."""
    server.misbehave("toy/run.bin", Fault(cut_after=100_000), Fault(cut_after=100_000))
    paths = fetch(toy(server), verbose=0)

    assert Path(paths["run.bin"]).read_bytes() == DATA
    assert ranges(server) == [None, "bytes=100000-", "bytes=200000-"]
    assert all(headers["If-Range"].startswith('"') for _, headers in server.requests[1:])


def test_a_later_call_goes_on_too(server, no_copies, monkeypatch):
    """After a call that gave up, the next one fetches only what lacks."""
    monkeypatch.setattr(download, "GIVE_UP", 1)
    server.misbehave("toy/run.bin", Fault(cut_after=100_000), Fault(status=503))
    with pytest.raises(DownloadError, match="503"):
        fetch(toy(server), verbose=0)
    plan = toy(server)

    fetch(plan, verbose=0)

    assert plan.items[0].state == "begun"
    assert ranges(server)[-1] == "bytes=100000-"
    assert debris(no_copies) == []


def test_resume_false_starts_anew(server, monkeypatch):
    """The part of an earlier call is not used."""
    monkeypatch.setattr(download, "GIVE_UP", 1)
    server.misbehave("toy/run.bin", Fault(cut_after=100_000), Fault(status=503))
    with pytest.raises(DownloadError):
        fetch(toy(server), verbose=0)

    fetch(toy(server), resume=False, verbose=0)

    assert ranges(server)[-1] is None


@pytest.mark.parametrize(
    ("second", "n_requests"),
    [
        (Fault(ignores_ranges=True), 2),
        (Fault(etag='"another"'), 2),
        (Fault(etag='"another"', ignores_conditions=True), 3),
    ],
    ids=["ignores ranges", "changed", "changed, and ignores If-Range"],
)
def test_a_part_is_not_continued_with_another_file(server, second, n_requests):
    """Where the server cannot go on from the same file, the file starts anew and comes whole."""
    server.misbehave("toy/run.bin", Fault(cut_after=100_000), second)
    paths = fetch(toy(server), verbose=0)

    assert Path(paths["run.bin"]).read_bytes() == DATA
    assert len(server.requests) == n_requests


def test_dead_at_the_moment_of_starting_anew(server, no_copies, monkeypatch):
    """Old bytes never stand beside the validator of the new file."""
    server.misbehave("toy/run.bin", Fault(cut_after=100_000), Fault(etag='"another"'))

    def dies_the_second_time(answer, part, tell, check, original=transfer._write):
        if ranges(server)[1:]:
            raise KeyboardInterrupt
        return original(answer, part, tell, check)

    with monkeypatch.context() as patch:
        patch.setattr(transfer, "_write", dies_the_second_time)
        with pytest.raises(KeyboardInterrupt):
            fetch(toy(server), verbose=0)

    assert not part_of(no_copies / "toy", "run.bin").exists()
    assert Path(fetch(toy(server), verbose=0)["run.bin"]).read_bytes() == DATA


def test_without_a_validator_only_a_known_hash_allows_to_go_on(server, monkeypatch):
    """No ETag and no date: resumed where the hash will tell, else from the start."""
    monkeypatch.setattr("nbica.datasets.stand_in.server._DATE", "")
    monkeypatch.setattr(transfer, "_validator", lambda headers: None)
    cut = Fault(cut_after=100_000, etag="")
    server.misbehave("toy/run.bin", cut, Fault(etag=""))
    server.misbehave("toy/other.bin", cut, Fault(etag=""))

    fetch(toy(server, hash=MD5), verbose=0)
    fetch(toy(server, "other.bin"), verbose=0)

    assert ranges(server) == [None, "bytes=100000-", None, None]


def test_a_part_that_is_too_long_is_dropped(server, no_copies):
    """What cannot be the beginning of the file is not kept."""
    part = part_of(no_copies / "toy", "run.bin")
    part.parent.mkdir(parents=True)
    part.write_bytes(DATA + b"more")
    transfer._note_begun(part, transfer.Begun(f"{server.url}/toy/run.bin", 0, '"x"', None))

    paths = fetch(toy(server), verbose=0)

    assert Path(paths["run.bin"]).read_bytes() == DATA


def test_a_stream_of_unknown_length_is_taken_as_it_ends(server):
    """Without Content-Length the end of the stream is the end of the file."""
    server.misbehave("toy/run.bin", Fault(without_length=True))

    paths = fetch(toy(server), verbose=0)

    assert Path(paths["run.bin"]).read_bytes() == DATA


# --- hashes ---


def test_a_wrong_hash_is_never_accepted(server, no_copies):
    """Two attempts, then an error with both hashes; a later call does not take the bad file."""
    server.misbehave("toy/run.bin", Fault(changes=True), Fault(changes=True))
    with pytest.raises(DownloadError, match=f"expected {MD5} .published by the source"):
        fetch(toy(server, hash=MD5), verbose=0)
    assert list(no_copies.rglob("*.bin*")) == []

    paths = fetch(toy(server, hash=MD5), verbose=0)

    assert Path(paths["run.bin"]).read_bytes() == DATA
    assert len(server.requests) == 3


def test_one_wrong_hash_is_tried_again(server):
    """A transfer that was garbled once is repeated."""
    server.misbehave("toy/run.bin", Fault(changes=True))

    paths = fetch(toy(server, hash=MD5), verbose=0)

    assert Path(paths["run.bin"]).read_bytes() == DATA


def test_a_hash_of_the_first_download_is_enforced_afterwards(server, no_copies):
    """A source without published hashes is trusted once: other bytes are refused later."""
    path = Path(fetch(toy(server), verbose=0)["run.bin"])
    path.unlink()
    server.misbehave("toy/run.bin", Fault(changes=True), always=True)

    with pytest.raises(DownloadError, match="recorded at the first download"):
        fetch(toy(server), verbose=0)
    assert debris(no_copies) == []


def test_a_wrong_size_is_refused(server):
    """A published size holds where no hash is known."""
    with pytest.raises(DownloadError, match="300000 bytes or more, where 5 at most were"):
        fetch(toy(server, size=5), verbose=0)


def test_a_file_placed_by_hand_is_checked_once(server, no_copies):
    """A right one is used without a request; a wrong one is replaced."""
    folder = no_copies / "toy"
    folder.mkdir(parents=True)
    (folder / "run.bin").write_bytes(DATA)
    fetch(toy(server, hash=MD5), verbose=0)
    assert server.requests == []
    assert "run.bin" in read(folder)

    (folder / "other.bin").write_bytes(DATA)
    fetch(toy(server, "other.bin", hash=f"md5:{hashlib.md5(DATA[::-1]).hexdigest()}"),
                   verbose=0)  # fmt: skip
    assert (folder / "other.bin").read_bytes() == DATA[::-1]


# --- servers that misbehave ---


@pytest.mark.parametrize(
    ("fault", "words", "n_requests"),
    [
        (Fault(status=403), "refuses .403", 1),
        (Fault(status=404), "has no such file .404", 1),
        (Fault(status=401), "asks for a login .401", 1),
        (Fault(status=503), "answers 503", 4),
        (Fault(status=429, headers=(("Retry-After", "3600"),)), "answers 429", 1),
        (Fault(is_page=True), "a web page came instead", 1),
        (Fault(loops=True), "redirects in circles", 31),
        (Fault(cut_after=0), "cut", 4),
    ],
    ids=lambda value: "",
)
def test_an_error_says_all_one_needs(server, no_copies, fault, words, n_requests):
    """Data set, file, url, reason, folder and the way by hand are named; no debris is left."""
    server.misbehave("toy/run.bin", fault, always=True)

    with pytest.raises(DownloadError, match=words) as caught:
        fetch(toy(server), verbose=0)

    for word in ("toy", "run.bin", f"{server.url}/toy/run.bin", str(no_copies / "toy"), "By hand"):
        assert word in str(caught.value)
    assert len(server.requests) == n_requests
    assert not [p for p in no_copies.rglob("*") if p.is_file() and p.stat().st_size > 300]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_recovers_is_asked_again(server, status):
    """Busy, then fine."""
    server.misbehave("toy/run.bin", Fault(status=status), Fault(status=status))

    paths = fetch(toy(server), verbose=0)

    assert Path(paths["run.bin"]).read_bytes() == DATA


def test_retry_after_is_obeyed(server, monkeypatch):
    """The host rests as long as it asks, for all files."""
    waits = []
    monkeypatch.setattr(Hosts, "rest", lambda self, url, seconds: waits.append(seconds))
    server.misbehave("toy/run.bin", Fault(status=429, headers=(("Retry-After", "7"),)))

    fetch(toy(server), verbose=0)

    assert waits == [7.0]


def test_retry_after_may_be_a_date():
    """Seconds, a date, or nothing."""
    now = 1_735_689_600.0  # 1 January 2025, 0:00 UTC

    assert transfer.retry_after("12", now) == 12
    assert transfer.retry_after("Wed, 01 Jan 2025 00:01:00 GMT", now) == 60
    assert transfer.retry_after("Wed, 01 Jan 2020 00:00:00 GMT", now) == 0
    assert transfer.retry_after("soon", now) is None
    assert transfer.retry_after(None, now) is None


def test_a_silent_server_is_left(server, monkeypatch):
    """No byte within the time-out counts as a cut: what came is kept and continued."""
    monkeypatch.setattr(transfer, "TIMEOUT", (1, 0.2))
    server.misbehave("toy/run.bin", Fault(waits_after=4096, gate=threading.Event()))

    paths = fetch(toy(server), verbose=0)

    assert Path(paths["run.bin"]).read_bytes() == DATA
    assert ranges(server)[1] == "bytes=4096-"


def test_a_slow_drip_arrives(server):
    """Slow is not broken: one request is enough."""
    server.misbehave("toy/run.bin", Fault(drip=0.001))

    paths = fetch(toy(server), verbose=0)

    assert Path(paths["run.bin"]).read_bytes() == DATA
    assert len(server.requests) == 1


def test_no_network_is_said_at_once(no_copies, server):
    """A host that refuses connections: not each of many files is tried in vain."""
    server.shutdown()
    server.server_close()
    names = [f"{i}.bin" for i in range(50)]

    with pytest.raises(DownloadError, match="refuses connections") as caught:
        fetch(toy(server, *names), verbose=0)

    assert "0 of 50 files are here" in str(caught.value)


def test_an_unknown_host_asks_for_the_network(no_copies, server, monkeypatch):
    """Name resolution that fails is put in words."""

    def nowhere(*args, **kwargs):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", nowhere)
    with pytest.raises(DownloadError, match=r"is there a network\?"):
        fetch(toy(server), verbose=0)


def test_a_dead_proxy_is_named(server, monkeypatch):
    """The error points at the variables that set it."""
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with pytest.raises(DownloadError, match=r"the proxy does not answer .see .* HTTPS_PROXY"):
        fetch(toy(server), verbose=0)


def test_gzip_is_not_undone_on_the_way(server):
    """A server that calls a .gz file an encoding does not change its bytes."""
    packed = tgz({"a.txt": b"text"})
    server.contents["toy/a.tgz"] = packed
    server.misbehave("toy/a.tgz", Fault(headers=(("Content-Encoding", "gzip"),)))

    paths = fetch(toy(server, "a.tgz"), verbose=0)

    assert Path(paths["a.tgz"]).read_bytes() == packed


# --- several urls, several files ---


def test_the_next_url_is_tried(server):
    """A mirror is asked where the first address fails, and only then."""
    urls = (f"{server.url}/gone/run.bin", f"{server.url}/toy/run.bin")
    fetch(toy(server, urls=urls), verbose=0)

    assert server.paths() == ["gone/run.bin", "toy/run.bin"]


def test_one_bad_file_does_not_keep_the_others(server, no_copies):
    """Those that came are kept; the error counts them; the next call asks only for the bad one."""
    server.misbehave("toy/run.bin", Fault(status=404))
    plan = toy(server, "run.bin", "other.bin")
    with pytest.raises(DownloadError, match="1 of 2 files are here"):
        fetch(plan, verbose=0)
    server.requests.clear()

    fetch(toy(server, "run.bin", "other.bin"), verbose=0)

    assert server.paths() == ["toy/run.bin"]


def test_few_connections_at_a_time(server, monkeypatch):
    """However many files, a host sees at most two connections."""
    names = [f"{i}.bin" for i in range(12)]
    server.contents |= {f"toy/{name}": DATA[:50_000] for name in names}
    server.misbehave("toy/.*", Fault(drip=0.002), always=True)
    open_now, original = [], transfer.transfer
    n_open = []

    def counted(*args, **kwargs):
        open_now.append(1)
        n_open.append(len(open_now))
        original(*args, **kwargs)
        open_now.pop()

    monkeypatch.setattr(transfer, "transfer", counted)
    fetch(toy(server, *names), verbose=0)

    assert len(n_open) == 12
    assert max(n_open) <= 2


def test_progress_is_in_bytes_where_sizes_are_known(server, monkeypatch):
    """All files together, in kB, up to the total."""
    events = []
    original = monitor
    monkeypatch.setattr(
        download, "monitor", lambda *a, **k: original(*a, **k, listeners=[events.append])
    )
    fetch(toy(server, "run.bin", "other.bin", size=len(DATA)), verbose=0)

    last = events[-1]
    assert (last.stage, last.done, last.total, last.state) == ("download (kB)", 600, 600, "done")
    assert "2 of 2 files, 600 kB" in last.note
    assert all(a.done <= b.done for a, b in itertools.pairwise(events[1:]))


@pytest.fixture
def held(server, monkeypatch):
    """A file of 3 MB, of which 100 kB come, and the rest when the fetch is told to end."""
    fault = Fault(waits_after=100_000)
    server.contents["toy/run.bin"] = DATA * 10
    server.misbehave("toy/run.bin", fault)
    run = download._Fetch.run

    def run_and_tell(fetch):
        fault.gate = fetch._stop
        return run(fetch)

    monkeypatch.setattr(download._Fetch, "run", run_and_tell)


def test_a_stop_is_obeyed_between_pieces(server, held, no_copies, monkeypatch):
    """Stopped in the middle, what came stays and the next call goes on."""
    stop, original = threading.Event(), download.monitor

    def press(event):
        if "kB" in event.note:
            stop.set()

    monkeypatch.setattr(
        download, "monitor", lambda *a, **k: original(*a, **k, stop=stop, listeners=[press])
    )
    with pytest.raises(RunCancelled):
        fetch(toy(server), verbose=0)
    n_before = part_of(no_copies / "toy", "run.bin").stat().st_size
    monkeypatch.setattr(download, "monitor", original)

    fetch(toy(server), verbose=0)

    assert 0 < n_before < 3_000_000
    assert ranges(server)[-1] == f"bytes={n_before}-"
    assert debris(no_copies) == []


def test_the_interrupt_button_is_obeyed(server, held, no_copies, monkeypatch):
    """KeyboardInterrupt ends the threads too; the next call goes on from there."""
    original = download.monitor

    def press(event):
        if "kB" in event.note and event.state == "running":
            raise KeyboardInterrupt

    monkeypatch.setattr(download, "monitor", lambda *a, **k: original(*a, **k, listeners=[press]))
    with pytest.raises(KeyboardInterrupt):
        fetch(toy(server), verbose=0)
    assert not [t for t in threading.enumerate() if t.name.startswith("nbica-fetch")]
    n_before = part_of(no_copies / "toy", "run.bin").stat().st_size
    monkeypatch.setattr(download, "monitor", original)

    fetch(toy(server), verbose=0)

    assert ranges(server)[-1] == f"bytes={n_before}-"
    assert debris(no_copies) == []


@pytest.mark.slow
def test_a_host_that_rests_is_shown(server, monkeypatch):
    """Who waits for a server is told so."""
    notes = []
    original = monitor
    monkeypatch.setattr(
        download, "monitor",
        lambda *a, **k: original(*a, **k, listeners=[lambda event: notes.append(event.note)]),
    )  # fmt: skip
    server.misbehave("toy/run.bin", Fault(status=429, headers=(("Retry-After", "2"),)))
    fetch(toy(server), verbose=0)

    assert any("127.0.0.1" in note and "asks to wait" in note for note in notes)


# --- processes ---

_FETCH = """
import sys
from nbica.datasets import registry
from nbica.datasets.download.fetch import fetch
from nbica.datasets.download.plan import make_plan
entry = registry.DataSet("toy", "Toy", "toy", sys.argv[1], "none", "nobody", "", "", files={})
plan = make_plan(entry, [entry.unlisted("run.bin", "-")])
print("asking", flush=True)
fetch(plan, verbose=0)
"""


def other_process(server):
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", _FETCH, f"{server.url}/toy/"]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def wait_for(condition):
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("waited in vain")


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_killed_and_called_again_completes_without_debris(server, no_copies):
    """Kill -9 in the middle: the next call goes on from there and leaves nothing behind."""
    server.misbehave("toy/run.bin", Fault(waits_after=100_000, gate=threading.Event()))
    part = part_of(no_copies / "toy", "run.bin")
    process = other_process(server)
    wait_for(lambda: part.is_file() and part.stat().st_size > 50_000)
    process.send_signal(signal.SIGKILL)
    process.communicate()

    paths = fetch(toy(server), verbose=0)

    assert Path(paths["run.bin"]).read_bytes() == DATA
    assert int(ranges(server)[-1].removeprefix("bytes=").removesuffix("-")) >= 50_000
    assert sorted(p.name for p in (no_copies / "toy").iterdir()) == [NAME, "run.bin"]


@pytest.mark.slow
def test_two_processes_fetch_a_file_once(server, no_copies):
    """The second waits for the first and finds the file."""
    both_ask = threading.Event()
    server.misbehave("toy/run.bin", Fault(waits_after=100_000, gate=both_ask))
    processes = [other_process(server) for _ in range(2)]
    assert [process.stdout.readline() for process in processes] == [b"asking\n"] * 2
    both_ask.set()
    errors = [process.communicate()[1] for process in processes]

    assert errors == [b"", b""]
    assert server.paths() == ["toy/run.bin"]
    assert sorted(p.name for p in (no_copies / "toy").iterdir()) == [NAME, "run.bin"]


def test_killed_between_the_file_and_its_tidying(server, no_copies):
    """Leftovers of a file that is here are removed by the next call, without a request."""
    fetch(toy(server), verbose=0)
    server.requests.clear()
    part = part_of(no_copies / "toy", "run.bin")
    part.parent.mkdir()
    others = [part.with_name(name) for name in (NAME, f"{NAME}.lock")]
    for leftover in (part, Path(f"{part}.json"), part.with_suffix(".lock"), *others):
        leftover.write_text("{}")

    fetch(toy(server), verbose=0)

    assert server.requests == []
    assert debris(no_copies) == []


_DIE = """
import os, sys
from nbica.datasets import registry
from nbica.datasets.download import fetch, hash_record, transfer, unpack, verify
from nbica.datasets.download.plan import make_plan
home, name = sys.argv[2].split(".")
setattr(globals()[home], name, lambda *args, **kwargs: os._exit(9))
entry = registry.DataSet("toy", "Toy", "toy", sys.argv[1], "none", "nobody", "", "", files={})
file = entry.unlisted("a.tgz", "-")
object.__setattr__(file, "members", ("x/a.txt",))
fetch.fetch(make_plan(entry, [file]), verbose=0)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "moment", ["unpack._copy", "unpack.merge", "hash_record.add", "verify.tidy"]
)
def test_dead_while_unpacking(server, no_copies, moment):
    """Wherever a process dies, the next call completes from what is here, and cleans up."""
    data = tgz({"x/a.txt": b"a", "x/b.txt": b"b"})
    plan = packed(server, data, "x/a.txt", name="a.tgz")
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", _DIE, f"{server.url}/toy/", moment]
    assert subprocess.run(command, env=env, check=False).returncode == 9

    paths = fetch(plan.again(), verbose=0)

    assert Path(paths["x/a.txt"]).read_bytes() == b"a"
    assert server.paths() == ["toy/a.tgz"]
    files = [p.relative_to(no_copies / "toy").as_posix() for p in no_copies.rglob("*")]
    assert sorted(files) == [".", NAME, "x", "x/a.txt", "x/b.txt"]


# --- archives, disk ---


def packed(server, data, *members, name="a.zip"):
    server.contents[f"toy/{name}"] = data
    return toy(server, name, members=members)


def test_an_archive_is_unpacked_and_gone(server, no_copies):
    """Its files are there and recorded; the archive is not kept."""
    plan = packed(server, zipped({"x/a.txt": b"a", "x/b.txt": b"bb"}), "x/a.txt")
    paths = fetch(plan, verbose=0)

    assert Path(paths["x/a.txt"]).read_bytes() == b"a"
    files = sorted(p.relative_to(no_copies / "toy").as_posix()
                   for p in no_copies.rglob("*") if p.is_file())  # fmt: skip
    assert files == [NAME, "x/a.txt", "x/b.txt"]
    assert {"a.zip", "x/a.txt", "x/b.txt"} <= set(read(no_copies / "toy"))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"PK nothing", "damaged or no archive"),
        (zipped({"x/a.txt": b"a"})[:60], "damaged or no archive"),
        (zipped({"y/a.txt": b"a"}), "holds no x/a.txt: the source changed its layout"),
        (zipped({"../a.txt": b"a", "x/a.txt": b"a"}), "a path outside its folder"),
        (b"<html>", "begins with b'<h'"),
    ],
    ids=["garbage", "cut", "other layout", "traversal", "page"],
)
def test_a_bad_archive_leaves_nothing(server, no_copies, data, words):
    """Refused with its reason, and asked for again by the next call, which completes."""
    with pytest.raises(DownloadError, match=words):
        fetch(packed(server, data, "x/a.txt"), verbose=0)
    assert [p for p in no_copies.rglob("*") if p.is_file()] == []

    plan = packed(server, zipped({"x/a.txt": b"a"}), "x/a.txt")
    assert Path(fetch(plan, verbose=0)["x/a.txt"]).read_bytes() == b"a"


def test_archives_that_share_a_folder_come_at_once(server, no_copies, monkeypatch):
    """Four at a time into one folder, which none of them finds there when it looks."""
    barrier = threading.Barrier(2, timeout=5)
    original = Path.replace

    def together(self, target):
        if self.name == "data":
            with contextlib.suppress(threading.BrokenBarrierError):
                barrier.wait()
        return original(self, target)

    monkeypatch.setattr(Path, "replace", together)
    names = [f"{i}.tgz" for i in range(8)]
    server.contents |= {f"toy/{name}": tgz({f"data/{name}/a.txt": b"a"}) for name in names}
    plan = toy(server, *names)
    files = [replace(i.file, members=(f"data/{i.file.path}/a.txt",)) for i in plan.items]
    paths = fetch(make_plan(plan.entry, files), verbose=0)

    assert len(paths) == 8
    assert all(Path(path).is_file() for path in paths.values())
    assert not (no_copies / "toy" / ".nbica").exists()


def test_an_archive_placed_by_hand_is_used(server, no_copies):
    """What the error message advises works without a network, and leaves the archive alone."""
    plan = packed(server, b"", "x/a.txt")
    plan.folder.mkdir(parents=True)
    (plan.folder / "a.zip").write_bytes(zipped({"x/a.txt": b"a"}))

    paths = fetch(plan, verbose=0)

    assert Path(paths["x/a.txt"]).read_bytes() == b"a"
    assert server.requests == []
    assert (plan.folder / "a.zip").is_file()


def test_too_small_a_disk_is_said_before_the_first_byte(server):
    """Needed and free bytes are in the message; nothing is asked for."""
    with pytest.raises(OSError, match=r"needs 1e\+09 GB .* free"):
        fetch(toy(server, size=10**18), verbose=0)
    assert server.requests == []


def test_a_disk_that_fills_up_is_named(server, monkeypatch):
    """No room left in the middle: the error says so, and what came stays for the next call."""

    def full(answer, part, tell, check):
        part.write_bytes(DATA[:1000])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(transfer, "_write", full)
        with pytest.raises(DownloadError, match=r"No space left on device(.|\n)*The disk is full"):
            fetch(toy(server), verbose=0)

    fetch(toy(server), verbose=0)
    assert ranges(server)[-1] == "bytes=1000-"


def test_a_folder_that_cannot_be_made_is_named(server, no_copies):
    """The error names the folder and the variable that moves it."""
    no_copies.write_text("a file in the way")

    with pytest.raises(DownloadError, match=r"NBICA_DATA"):
        fetch(toy(server), verbose=0)
    assert server.requests == []


# --- what a server or an address may not do ---


SECRETS = ("s3cr%40t", "s3cr@t", "robot", "k3y")


def secret_url(server, name="run.bin"):
    return f"{server.url}/toy/{name}".replace("://", "://robot:s3cr%40t@") + "?token=k3y"


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=401), Fault(status=404), Fault(status=500), Fault(is_page=True),
        Fault(loops=True), Fault(cut_after=100), Fault(changes=True),
        Fault(status=302, headers=(("Location", "ftp://h/a"),)),
        Fault(status=302, headers=(("Location", "//[bad"),)),
        Fault(status=302, headers=(("Location", "http://\xe4.invalid/"),)),
    ],
)  # fmt: skip
def test_no_error_tells_a_password(server, no_copies, fault):
    """Address, query and what is written beside the data are without what they hold in secret."""
    server.misbehave(".*", fault, always=True)
    file = registry.RemoteFile("run.bin", (secret_url(server),), hash=MD5)
    entry = registry.DataSet("toy", "T", "toy", "x", "n", "n", "", "", files={})

    with pytest.raises(DownloadError) as raised:
        fetch(make_plan(entry, [file]), verbose=0)

    chain, error = [], raised.value
    while error is not None:
        chain.append(f"{error!r}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    assert not [text for text in chain if any(secret in text for secret in SECRETS)]
    assert "***@127.0.0.1" in str(raised.value)
    written = [path.read_text() for path in no_copies.rglob("*.json")]
    assert not [text for text in written if any(secret in text for secret in SECRETS)]


def test_a_host_that_cannot_be_reached_tells_no_password(no_copies, monkeypatch):
    """Nor does the mirror that does not answer, in an error or on a record."""
    monkeypatch.setenv("NBICA_MIRROR", "http://robot:s3cr%40t@127.0.0.1:9/x")
    entry = registry.DataSet("toy", "T", "toy", "http://h/", "n", "n", "", "", files={})

    with pytest.raises(DownloadError, match=r"127\.0\.0\.1:9/x/toy/a\.nii") as raised:
        fetch(make_plan(entry, [entry.unlisted("a.nii", "-")]), verbose=0)
    assert not any(secret in str(raised.value) for secret in SECRETS)


@pytest.mark.parametrize("mirror", ["http://[::1", "http://h:s3cr@h:99999/", "http://", "x://"])
def test_a_mirror_that_is_no_address_is_refused(server, monkeypatch, mirror):
    """In a sentence that names the variable and not its value."""
    monkeypatch.setenv("NBICA_MIRROR", mirror)

    with pytest.raises(ValueError, match=r"^NBICA_MIRROR is not an address"):
        fetch(toy(server), verbose=0)


def test_what_was_fetched_is_written_down_without_a_password(server, no_copies):
    """The record beside the data is shared with the data; a description with everybody."""
    file = registry.RemoteFile("run.bin", (secret_url(server),))
    base = "http://robot:s3cr@host/"
    entry = registry.DataSet("toy", "T", "toy", base, "n", "n", "", "", files={})

    fetch(make_plan(entry, [file]), verbose=0)

    url = read(no_copies / "toy")["run.bin"]["url"]
    assert url == f"{server.url}/toy/run.bin?***".replace("://", "://***@")
    assert "s3cr" not in entry.description


@pytest.mark.parametrize(
    ("here", "there", "is_followed"),
    [
        ("http", "http", True), ("https", "https", True), ("http", "https", True),
        ("https", "http", False), ("http", "file", False), ("http", "ftp", False),
        ("https", "data", False),
    ],
)  # fmt: skip
def test_redirects_keep_their_scheme(here, there, is_followed):
    """From http to https at most; never to what is not encrypted, or to a file of this machine."""
    response = requests.Response()
    response.status_code, response.url = 302, f"{here}://a.org/run.bin"
    response.headers["location"] = f"{there}://b.org/etc/passwd"

    refused = contextlib.nullcontext()
    if not is_followed:
        refused = pytest.raises(transfer.TransferError, match=f"from {here} to {there}: refused")
    with refused:
        transfer._check_redirect(response)


def test_a_redirect_to_a_file_is_refused(server, tmp_path):
    """The whole way: nothing of this machine is taken for the data set."""
    (tmp_path / "secret").write_text("of this machine")
    target = (tmp_path / "secret").as_uri()
    server.misbehave("toy/run.bin", Fault(status=302, headers=(("Location", target),)))

    with pytest.raises(DownloadError, match="leads from http to file: refused"):
        fetch(toy(server), verbose=0)


@pytest.mark.parametrize("known", [{"size": 1000}, {"about": 1000}])
@pytest.mark.parametrize("without_length", [True, False])
def test_a_download_stops_at_what_was_planned(server, no_copies, known, without_length):
    """Whether the server says how long it is or not; what came of it goes."""
    server.misbehave("toy/run.bin", Fault(without_length=without_length), always=True)

    with pytest.raises(DownloadError, match="at most were planned: stopped"):
        fetch(toy(server, **known), verbose=0)

    assert not list(no_copies.rglob("*.part"))
    assert server.paths() == ["toy/run.bin"]


def test_a_download_of_unknown_size_leaves_room_on_the_disk(server, no_copies, monkeypatch):
    """An endless one is stopped before the disk is full."""
    monkeypatch.setattr(download, "_UNPLANNED", 100_000)
    server.misbehave("toy/run.bin", Fault(without_length=True), always=True)

    with pytest.raises(DownloadError, match="100000 at most were planned"):
        fetch(toy(server), verbose=0)


@pytest.mark.parametrize("length", ["much", "-5", "1e9", ""])
def test_an_odd_length_is_no_length(server, length):
    """What a server says in place of a number counts for nothing."""
    response = requests.Response()
    response.status_code = 200
    response.headers["Content-Length"] = length

    assert transfer._place(response) == (0, None)


@pytest.mark.parametrize("side", ['{"url": 5, "length": "x"}', "[]", "5", "null", '{"odd": 1}'])
def test_an_odd_note_beside_a_part_starts_anew(server, no_copies, side):
    """Whatever is in the small file beside what was begun, the file comes."""
    part = part_of(no_copies / "toy", "run.bin")
    part.parent.mkdir(parents=True)
    part.write_bytes(b"half")
    part.with_name(part.name + ".json").write_text(
        side.replace("5", f'"{server.url}/toy/run.bin"', 1) if "length" in side else side
    )

    assert Path(fetch(toy(server), verbose=0)["run.bin"]).read_bytes() == DATA


def test_what_a_server_says_steers_no_terminal():
    """Its reason for an error is in the message, without escape sequences."""
    error = DownloadError("the server answers 500 \x1b[2Jevil")

    assert str(error) == "the server answers 500 ?[2Jevil"


def test_a_web_page_is_one_in_capitals_too(server):
    """Content-Type is no matter of case."""
    server.misbehave("toy/run.bin", Fault(headers=(("Content-Type", "TEXT/HTML"),)), always=True)

    with pytest.raises(DownloadError, match="a web page came instead"):
        fetch(toy(server), verbose=0)
