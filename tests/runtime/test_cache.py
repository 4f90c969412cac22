"""Entries of a cache: what is kept, under which name, and what becomes of damage and of age."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from joblib import Memory

from nbica.exceptions import CacheWarning
from nbica.runtime.cache import Stage
from nbica.runtime.cache_info import cache_clear
from nbica.runtime.compression import crc32
from nbica.runtime.eviction import MAX_AGE, CacheLimiter, entries_to_evict
from nbica.runtime.store import FILE, DamagedEntry, EntryFacts, NoStore, Store, open_store

VALUES = {
    "maps": np.arange(12.0).reshape(3, 4),
    "empty": np.zeros((0, 5), "f"),
    "note": "é",
    "n": 3,
}


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def folder_of(store, stage="stage", key="key"):
    return store.location / "nbica" / stage / key


def same(found, values=VALUES):
    return found.keys() == values.keys() and all(
        np.array_equal(found[name], value) for name, value in values.items()
    )


# ---- entries -------------------------------------------------------------------------------------


def test_what_is_put_is_what_is_got(store):
    """Arrays come back mapped and equal, in type and shape; all else as JSON gives it."""
    store.put("stage", "key", VALUES)

    found = store.get("stage", "key")

    assert same(found)
    assert isinstance(found["maps"], np.memmap)
    assert found["empty"].dtype == np.float32
    assert store.get("stage", "other") is None


def test_entries_are_plain_files(store):
    """An entry is JSON and .npy files that anybody can read, and that hold no pickle."""
    store.put("stage", "key", VALUES, {"run": "a"})

    entry = json.loads((folder_of(store) / FILE).read_text())["entry"]
    assert entry["about"] == {"run": "a"}
    assert np.array_equal(
        np.load(folder_of(store) / "maps.npy", allow_pickle=False), VALUES["maps"]
    )
    assert {path.suffix for path in folder_of(store).iterdir()} == {".json", ".npy"}


@pytest.mark.parametrize("values", [{"x": np.array([object()], dtype=object)}, {"x": {1, 2}}])
def test_what_is_not_plain_is_refused(store, values):
    """Objects are not written, and nothing is left of the attempt."""
    with pytest.raises((ValueError, TypeError)):
        store.put("stage", "key", values)

    assert not store.has("stage", "key")
    assert not any(path.is_file() for path in store.location.rglob("*"))


@pytest.mark.parametrize("name", [FILE, "maps.npy", "empty.npy"])
def test_every_flipped_byte_is_found(store, name):
    """Whichever byte of an entry is changed, in JSON, header or data: it is not returned."""
    store.put("stage", "key", VALUES, {"run": "a"})
    path = folder_of(store) / name
    content = path.read_bytes()

    for position in range(len(content)):
        flipped = bytearray(content)
        flipped[position] ^= 1 << position % 8
        path.write_bytes(flipped)
        with pytest.raises(DamagedEntry):
            store.get("stage", "key")
    path.write_bytes(content)

    assert same(store.get("stage", "key"))


@pytest.mark.parametrize("name", [FILE, "maps.npy"])
@pytest.mark.parametrize("n_bytes", [0, 1, 100])
def test_truncated_files_are_found(store, name, n_bytes):
    """A file that was cut short is damage, whatever is left of it."""
    store.put("stage", "key", VALUES)
    path = folder_of(store) / name
    path.write_bytes(path.read_bytes()[:n_bytes])

    with pytest.raises(DamagedEntry):
        store.get("stage", "key")


def test_a_missing_array_is_damage(store):
    """An entry without one of its files is not returned, nor taken for absent."""
    store.put("stage", "key", VALUES)
    (folder_of(store) / "maps.npy").unlink()

    with pytest.raises(DamagedEntry, match="missing"):
        store.get("stage", "key")


def test_the_first_of_two_writers_wins(store):
    """Putting a key again keeps the entry that is there and leaves no other file."""
    store.put("stage", "key", VALUES)
    store.put("stage", "key", VALUES | {"n": 4})

    assert store.get("stage", "key")["n"] == 3
    assert len(list(store.location.rglob(FILE))) == 1


def test_a_dropped_entry_stays_mapped(store):
    """Who has read an entry keeps its arrays when another process drops it."""
    store.put("stage", "key", VALUES)
    found = store.get("stage", "key")

    store.drop("stage", "key")

    assert not store.has("stage", "key")
    assert same(found)


def test_leftovers_of_dead_processes_go(store):
    """What a killed process left unfinished is swept up; a living one's is not."""
    store.put("stage", "key", VALUES)
    unfinished = store.location / "nbica" / "unfinished"
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    host = os.uname().nodename
    for pid in (dead.pid, os.getpid()):
        (unfinished / f"{host}-{pid}-0").mkdir()

    CacheLimiter(store)

    assert [path.name for path in unfinished.iterdir()] == [f"{host}-{os.getpid()}-0"]


# ---- stages --------------------------------------------------------------------------------------

STAGE = Stage("stage", version=1)


class Step:
    """A computation that counts its calls."""

    def __init__(self):
        self.n_calls = 0

    def __call__(self):
        """Compute."""
        self.n_calls += 1
        return dict(VALUES)


def test_a_result_is_computed_once(store):
    """The second time it comes from the cache, and that is said."""
    step = Step()

    found = [STAGE.get_or_compute(store, "key", step) for _ in range(3)]

    assert [one.from_cache for one in found] == [False, True, True]
    assert step.n_calls == 1
    assert all(same(one.values) for one in found)


def test_a_damaged_result_is_computed_again(store):
    """It is dropped, said, and the next call finds a whole one."""
    step = Step()
    STAGE.get_or_compute(store, "key", step)
    (folder_of(store) / "maps.npy").write_bytes(b"?")

    again = STAGE.get_or_compute(store, "key", step)

    assert not again.from_cache
    assert "damaged" in again.notes[0]
    assert step.n_calls == 2
    assert STAGE.get_or_compute(store, "key", step).from_cache


def test_inputs_that_change_meanwhile_are_not_kept(store):
    """A result of a file that was replaced while it was read has no name."""
    found = STAGE.get_or_compute(store, "key", Step(), still_valid=lambda: False)

    assert same(found.values)
    assert not found.key_holds
    assert not store.has("stage", "key")


def test_without_a_store_nothing_is_kept(tmp_path, monkeypatch):
    """None computes each time and writes nothing."""
    monkeypatch.chdir(tmp_path)
    step = Step()

    for _ in range(2):
        STAGE.get_or_compute(open_store(None), "key", step)

    assert step.n_calls == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("as_user_gives_it", [str, lambda path: path, Memory])
def test_memory_comes_in_many_forms(tmp_path, as_user_gives_it):
    """A path as text or as Path, and joblib's own, whose location is used."""
    store = open_store(as_user_gives_it(tmp_path / "cache"))

    assert store.location == tmp_path / "cache"


def test_joblibs_empty_memory_is_none():
    """A Memory without a location keeps nothing."""
    assert isinstance(open_store(Memory(None)), NoStore)


def test_home_is_expanded(tmp_path, monkeypatch):
    """A tilde stands for the home folder, not for a folder of that name."""
    monkeypatch.setenv("HOME", str(tmp_path))

    assert open_store("~/cache").location == tmp_path / "cache"


@pytest.mark.parametrize("memory", [3, True, ["cache"], {}])
def test_what_is_no_memory_is_refused(memory):
    """The message says what may be given."""
    with pytest.raises(TypeError, match=r"expected a folder, a joblib\.Memory or None"):
        open_store(memory)


def test_keys_tell_apart_what_differs():
    """Stage, version and every part count; numpy's numbers are those of Python."""
    keys = {
        Stage(*parts[:2]).key(*parts[2:])
        for parts in [("a", 1, 2), ("b", 1, 2), ("a", 2, 2), ("a", 1, 3), ("a", 1, "2"), ("a", 1)]
    }

    assert len(keys) == 6
    assert Stage("a", 1).key(np.float64(0.5)) == Stage("a", 1).key(0.5)
    with pytest.raises(TypeError, match="key of the cache"):
        Stage("a", 1).key(np.zeros(3))


# ---- replacement ---------------------------------------------------------------------------------


def facts(*entries):
    return [EntryFacts("stage", key, n_bytes, last_used) for key, n_bytes, last_used in entries]


@pytest.mark.parametrize(
    ("limit", "needed", "expected"),
    [
        (30, set(), []),
        (29, set(), ["old"]),
        (20, set(), ["old"]),
        (10, set(), ["old", "middle"]),
        (0, set(), ["old", "middle", "new"]),
        (20, {"old"}, ["middle"]),
        (0, {"old", "middle", "new"}, []),
    ],
)
def test_least_recently_used_go_first(limit, needed, expected):
    """Just as many as must, none that is needed."""
    entries = facts(("new", 10, 300.0), ("old", 10, 100.0), ("middle", 10, 200.0))

    victims = entries_to_evict(entries, limit, needed, now=400.0)

    assert [entry.key for entry in victims] == expected


def test_what_nobody_uses_goes_by_age():
    """Entries older than the limit of age go, though there is room."""
    entries = facts(("old", 10, 0.0), ("new", 10, 10.0))

    victims = entries_to_evict(entries, 1000, now=MAX_AGE + 5)

    assert [entry.key for entry in victims] == ["old"]


def test_use_counts(store):
    """Reading an entry makes it the last to go."""
    for age, key in enumerate("abc"):
        store.put("stage", key, VALUES)
        os.utime(folder_of(store, key=key) / FILE, (1e9 + age, 1e9 + age))

    store.get("stage", "a")

    assert max(store.entries(), key=lambda entry: entry.last_used).key == "a"


def test_what_cannot_be_removed_is_not_called_removed(store):
    """Entries that stay are neither dropped nor cleared, in what is said and in what is counted."""
    for key in ("a", "b"):
        store.put("stage", key, VALUES)
    unfinished = store.location / "nbica" / "unfinished"
    unfinished.rmdir()
    unfinished.write_text("")  # where entries go to be removed

    with pytest.warns(CacheWarning, match="2 entries of .* stay"):
        removed = cache_clear(store.location)
    limiter = CacheLimiter(store, limit=1)
    limiter.finish()
    limiter.warn(stacklevel=1)  # a warning would be an error here

    assert len(removed) == 0
    assert removed.n_bytes == 0
    assert len(store.entries()) == 2


def test_a_limiter_drops_and_tells(store):
    """Beyond the limit the oldest leaves, and the warning names it."""
    for age, key in enumerate("ab"):
        store.put("stage", key, VALUES, {"run": f"/data/sub-{key}.nii"})
        os.utime(folder_of(store, key=key) / FILE, (1e9 + age, 1e9 + age))
    n_bytes = store.entries()[0].n_bytes
    os.utime(folder_of(store, key="b") / FILE)
    limiter = CacheLimiter(store, int(1.5 * n_bytes))

    limiter.added("b")

    assert [entry.key for entry in store.entries()] == ["b"]
    with pytest.warns(UserWarning, match=r"dropped 1 entries .* sub-a\.nii"):
        limiter.warn(stacklevel=1)


def test_folder_may_vanish(store):
    """Somebody who removes the whole folder meanwhile costs a computation, no more."""
    STAGE.get_or_compute(store, "key", Step())
    for path in sorted(Path(store.location).rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()

    assert not STAGE.get_or_compute(store, "key", Step()).from_cache
    assert store.has("stage", "key")


# ---- a folder that others use, and a large one ---------------------------------------------------


@pytest.mark.parametrize("name", ["@eaDir", ".ipynb_checkpoints", "lost+found"])
def test_foreign_folders_are_let_be(store, name):
    """What a file server or Jupyter puts anywhere into a cache stops nothing and stays."""
    store.put("stage", "key", VALUES)
    root = store.location / "nbica"
    places = [root, root / "stage", root / "stage" / "key", root / "unfinished"]
    for place in places:
        (place / name / "inner").mkdir(parents=True)
        (place / name / "file").write_text("x")

    limiter = CacheLimiter(store, 10**9)
    limiter.added("key")

    assert [entry.key for entry in store.entries()] == ["key"]
    assert same(store.get("stage", "key"))
    assert all((place / name / "file").exists() for place in places)


@pytest.mark.parametrize("rest", ["maps.npy", "@eaDir"])
def test_what_is_no_entry_gives_way(store, rest):
    """A folder in the place of an entry, without its entry.json, does not keep it out for ever."""
    folder_of(store).mkdir(parents=True)
    (folder_of(store) / rest).write_text("x")

    store.put("stage", "key", VALUES)

    assert same(store.get("stage", "key"))
    assert not (folder_of(store) / "@eaDir").exists()


def sealed(entry):
    """An entry.json with a right checksum."""
    text = json.dumps(entry).encode()
    return b'{"crc32": "%08x", "entry": %b}\n' % (crc32(text), text)


@pytest.mark.parametrize(
    ("entry", "note"),
    [
        ({"format": 2, "blocks": []}, "of another version .format 2; .* reads 1"),
        ({"stage": "stage"}, "of another version .format None"),
        ({"format": 1, "arrays": 3}, "damaged"),
        ({"format": 1, "values": {}, "arrays": {"maps": {}}}, "damaged"),
    ],
)
def test_entries_of_another_format_are_told(store, entry, note):
    """An entry that another version wrote is said to be so, and computed again."""
    store.put(STAGE.name, "key", VALUES)
    (folder_of(store, STAGE.name) / FILE).write_bytes(sealed(entry))

    found = STAGE.get_or_compute(store, "key", Step())

    assert re.search(note, found.notes[0])
    assert not found.from_cache
    assert STAGE.get_or_compute(store, "key", Step()).from_cache
    assert store.about(STAGE.name, "key") == {}


def test_a_large_cache_is_not_looked_through(store, monkeypatch):
    """One look in a day, however often something is put, taken or limited, while there is room."""
    looks = []
    entries = Store.entries
    monkeypatch.setattr(Store, "entries", lambda self: looks.append(1) or entries(self))

    for number in range(20):
        STAGE.get_or_compute_once(store, lambda number=number: f"key{number % 10}", Step())
    limiter = CacheLimiter(store, 10**9)
    for number in range(20):
        limiter.added(f"key{number}")
    limiter.finish()

    assert len(looks) == 1


def test_a_full_cache_is_looked_through_seldom(store, monkeypatch):
    """At its limit a look makes room for several entries, and the limit holds after each."""
    for number in range(40):
        store.put("stage", f"old{number}", VALUES)
    limit = 40 * store.entries()[0].n_bytes
    looks = []
    entries = Store.entries
    monkeypatch.setattr(Store, "entries", lambda self: looks.append(1) or entries(self))
    for number in range(12):
        store.put("stage", f"new{number}", VALUES)
        CacheLimiter(store, limit).added(f"new{number}")
        assert sum(entry.n_bytes for entry in entries(store)) <= limit

    assert len(looks) <= 6


def test_the_ledger_agrees_with_the_entries(store):
    """What is put and dropped is noted to the byte; a damaged ledger is begun anew."""
    for number in range(3):
        STAGE.get_or_compute_once(store, lambda number=number: f"key{number}", Step())
    assert store.ledger.n_bytes() == sum(entry.n_bytes for entry in store.entries())

    CacheLimiter(store, 1).finish()
    assert store.ledger.n_bytes() == 0

    (store.location / "nbica" / "ledger").write_text("nonsense\n")
    STAGE.get_or_compute_once(store, lambda: "again", Step())
    assert store.ledger.n_bytes() == sum(entry.n_bytes for entry in store.entries())
