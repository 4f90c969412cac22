"""Fits that go on: what is computed again and what is not, in pieces, without a broken run."""

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from planted import estimator, write_cohort

from nbica import cache_clear, cache_info
from nbica.__main__ import main
from nbica.decomposition import reduction
from nbica.decomposition.provenance import repeat
from nbica.decomposition.subspace import GroupSubspace
from nbica.exceptions import CacheWarning, DataError, DataWarning
from nbica.image import fingerprint as fingerprints
from nbica.image.fingerprint import fingerprint
from nbica.image.run import load_run
from nbica.runtime.store import Store


@pytest.fixture
def cohort(tmp_path):
    return write_cohort(tmp_path, n_runs=4)


@pytest.fixture
def counts(monkeypatch):
    """How many runs were reduced and how many were merged, since the last look."""
    done = {"reduced": 0, "merged": 0}

    def counted(name, function):
        def call(*args, **kwargs):
            done[name] += 1
            return function(*args, **kwargs)

        return call

    monkeypatch.setattr(reduction, "_values_of", counted("reduced", reduction._values_of))
    merge = counted("merged", GroupSubspace.partial_fit)
    monkeypatch.setattr(GroupSubspace, "partial_fit", merge)

    def look():
        seen = tuple(done.values())
        done.update(reduced=0, merged=0)
        return seen

    return look


def test_what_is_computed_again(cohort, tmp_path, counts):
    """Nothing for the same fit, n_init or seed; a merge for another k; one run for one run more."""
    memory = tmp_path / "cache"
    fits = [
        (3, {}, (3, 3)),
        (3, {}, (0, 0)),
        (3, {"random_state": 5, "n_init": 2, "threshold": 1.0}, (0, 0)),
        (3, {"random_state": None}, (0, 0)),
        (3, {"n_components": 4}, (0, 3)),
        (3, {"do_cca": False}, (0, 3)),
        (4, {}, (1, 4)),
    ]

    for n_runs, options, expected in fits:
        estimator(memory=memory, **options).fit(cohort.func[:n_runs])
        assert counts() == expected, options


def test_a_new_version_of_a_stage(cohort, tmp_path, counts, monkeypatch):
    """Raising the version of the reduction makes every run anew."""
    estimator(memory=tmp_path / "cache").fit(cohort.func)
    counts()

    newer = replace(reduction.REDUCTION, version=reduction.REDUCTION.version + 1)
    monkeypatch.setattr(reduction, "REDUCTION", newer)
    estimator(memory=tmp_path / "cache").fit(cohort.func)

    assert counts() == (4, 4)


def test_a_cache_too_small_still_helps(cohort, tmp_path):
    """With room for two of four runs, the next fit computes two: not none, as by age alone."""
    memory = tmp_path / "cache"
    estimator(memory=memory).fit(cohort.func)
    per_run = max(entry.n_bytes for entry in Store(memory).entries())
    cache_clear(memory)
    limit = int(2.6 * per_run)  # the group takes a sixth of a run

    cached = []
    for n_components in (5, 4):
        with pytest.warns(CacheWarning, match="over its limit"):
            ica = estimator(memory=memory, cache_limit=limit, n_components=n_components).fit(
                cohort.func
            )
        cached.append(int(ica.runs_["cached"].sum()))

    assert cached == [0, 2]
    assert cache_info(memory).n_bytes <= limit


def test_an_interrupt_says_what_is_cached(cohort, tmp_path):
    """The error names how many of how many runs are there, and the same call goes on."""
    memory = tmp_path / "cache"

    def stop(state):
        if state.n_runs == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="2 of 4 runs are cached; run again to continue"):
        estimator(memory=memory, callback=stop).fit(cohort.func)

    assert (
        list(estimator(memory=memory).fit(cohort.func).runs_["cached"]) == [True] * 2 + [False] * 2
    )


# ---- in pieces -----------------------------------------------------------------------------------


def test_pieces_equal_the_whole(cohort):
    """Runs added one by one, or two and two, give the maps of one fit to the last bit."""
    whole = estimator().fit(cohort.func, confounds=cohort.confounds)

    for n_runs in (1, 2):
        ica = estimator()
        for start in range(0, 4, n_runs):
            some = slice(start, start + n_runs)
            ica.partial_fit(cohort.func[some], confounds=cohort.confounds[some])
        np.testing.assert_array_equal(ica.components_, whole.components_)
        assert list(ica.runs_["path"]) == cohort.func
        assert len(ica.record_["inputs"]) == 4


def test_a_bad_piece_changes_nothing(cohort, tmp_path):
    """A run that cannot be read leaves the maps of those before."""
    ica = estimator().partial_fit(cohort.func[:2])
    before = ica.components_
    bad = tmp_path / "bad.nii"
    bad.write_bytes(b"no image")

    with pytest.raises(DataError, match=r"bad\.nii"):
        ica.partial_fit(bad)

    np.testing.assert_array_equal(ica.components_, before)
    ica.partial_fit(cohort.func[2:])
    np.testing.assert_array_equal(ica.components_, estimator().fit(cohort.func).components_)


def test_partial_fit_after_fit_is_refused(cohort):
    """Fit keeps no more than the maps, and says what to do."""
    with pytest.raises(ValueError, match="Begin anew"):
        estimator().fit(cohort.func).partial_fit(cohort.func[0])


# ---- runs that fail ------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["no image", "cut short", "missing"])
def test_a_run_that_fails(cohort, how):
    """It stops the fit with its name; with on_error="skip" it is left out and listed."""
    path = Path(cohort.func[1])
    if how == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[: 5000 if how == "cut short" else 0])
    with pytest.raises((DataError, FileNotFoundError), match=path.name):
        estimator().fit(cohort.func, confounds=cohort.confounds)

    with pytest.warns(DataWarning, match="skipped"):
        ica = estimator(on_error="skip").fit(cohort.func, confounds=cohort.confounds)

    good = [0, 2, 3]
    expected = estimator().fit(
        [cohort.func[n] for n in good], confounds=[cohort.confounds[n] for n in good]
    )
    assert ica.runs_["skipped"].sum() == 1
    assert ica.runs_.set_index("path")["skipped"][str(path)]
    np.testing.assert_array_equal(ica.components_, expected.components_)
    np.testing.assert_allclose(ica.variance_, expected.variance_)


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_run_that_fails_while_the_mask_is_made(cohort, n_jobs):
    """Without a mask every run is read for one; a damaged one is left out of that as well."""
    path = next(Path(name) for name in cohort.func if name.endswith(".gz"))
    path.write_bytes(path.read_bytes()[:-200])
    sound = [number for number, name in enumerate(cohort.func) if name != str(path)]
    options = {"mask": None, "mask_strategy": "background", "mask_args": {"opening": False}}
    with pytest.raises(DataError, match=path.name):
        estimator(**options).fit(cohort.func)

    with pytest.warns(DataWarning, match="skipped"):
        ica = estimator(on_error="skip", n_jobs=n_jobs, **options).fit(
            cohort.func, confounds=cohort.confounds
        )

    expected = estimator(**options).fit(
        [cohort.func[n] for n in sound], confounds=[cohort.confounds[n] for n in sound]
    )
    assert list(ica.runs_["path"][ica.runs_["skipped"]]) == [str(path)]
    np.testing.assert_array_equal(ica.components_, expected.components_)


def test_no_run_at_all(cohort):
    """Where every run fails there is nothing to skip to."""
    for path in cohort.func:
        Path(path).write_bytes(b"")

    with pytest.raises(DataError):
        estimator(on_error="skip").fit(cohort.func)


def test_an_unknown_on_error(cohort):
    """A typo is named before anything is read."""
    with pytest.raises(ValueError, match="'ignore'; expected one of 'raise', 'skip'"):
        estimator(on_error="ignore").fit(cohort.func)


# ---- record, inventory, command line -------------------------------------------------------------


def test_a_record_is_enough_to_repeat(cohort, tmp_path):
    """Through JSON and back, a record gives the same maps; a changed file is said."""
    import nibabel as nib

    nib.save(cohort.mask_img, tmp_path / "mask.nii")
    ica = estimator(mask=str(tmp_path / "mask.nii"))
    ica.fit(cohort.func, confounds=cohort.confounds)
    record = json.loads(json.dumps(ica.record_))

    again = repeat(record)

    np.testing.assert_array_equal(again.components_, ica.components_)
    assert record["parameters"]["n_components"] == 5
    assert [one["path"] for one in record["inputs"]] == cohort.func
    assert {"nbica", "numpy", "python"} <= set(record["versions"])
    with pytest.raises(ValueError, match="mask"):
        repeat(json.loads(json.dumps(estimator().fit(cohort.func).record_)))


def test_inventory(cohort, tmp_path):
    """cache_info names data set, runs and parameters; cache_clear removes what is meant."""
    memory = tmp_path / "cache"
    estimator(memory=memory).fit(cohort.func)

    info = cache_info(memory)

    assert len(info) == 5
    assert info.n_bytes == sum(p.stat().st_size for p in memory.glob("nbica/*/*/*"))
    assert set(info.table["stage"]) == {"reduction", "subspace"}
    assert all(word in repr(info) for word in (str(tmp_path), "sub-00_bold.nii", "32 components"))
    assert len(cache_clear(memory, older_than=1)) == 0
    assert len(cache_clear(memory, run="sub-01*")) == 1
    assert len(cache_clear(memory)) == 4
    assert repr(cache_info(memory)).endswith("0 entries, -")
    with pytest.raises(FileNotFoundError, match="no such folder"):
        cache_info(tmp_path / "nowhere")


@pytest.mark.slow
def test_commands(cohort, tmp_path, capsys):
    """plan, run, run --again, cache info and cache clear, as a person types them."""
    out, pattern = tmp_path / "out", str(tmp_path / "sub-*_bold.ni*")
    options = ["-n", "5", "--smoothing-fwhm", "0", "--threshold", "none"]
    options += ["-c", *map(str, cohort.confounds)]

    assert main(["plan", pattern, *options]) == 0
    assert "4 runs of up to 63 timepoints" in capsys.readouterr().out
    assert main(["run", pattern, "-o", str(out), "--bg", "no_such.nii", *options]) == 1
    assert "No such file: 'no_such.nii'" in capsys.readouterr().err
    assert not out.exists()
    assert main(["run", pattern, "-o", str(out), "--bg", "none", *options]) == 0
    assert "5 components of 4 runs (0 from the cache)" in capsys.readouterr().out
    assert main(["run", "-o", str(out), "--again", str(out / "record.json"), "--overwrite"]) == 0
    assert "4 from the cache" in capsys.readouterr().out
    assert {path.name for path in out.iterdir()} == {
        "cache", "maps.nii.gz", "mask.nii.gz", "record.json", "report.html", "runs.csv",
    }  # fmt: skip
    assert main(["cache", "info", str(out / "cache")]) == 0
    assert "sub-03_bold.nii.gz" in capsys.readouterr().out
    assert main(["cache", "clear", str(out / "cache")]) == 0
    assert "Removed" in capsys.readouterr().out
    assert main(["cache", "info", str(tmp_path / "nowhere")]) == 1
    assert main(["run", "-o", str(out)]) == 1


def rewrite(path, change):
    """Change a file's content under its old size and time."""
    status = path.stat()
    content = bytearray(path.read_bytes())
    change(content)
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def flip_in_the_middle(content):
    content[len(content) // 2] ^= 1


def test_content_decides_under_an_old_size_and_time(cohort, tmp_path):
    """A plain file of which one byte in the middle was changed is read again: other maps."""
    memory = tmp_path / "cache"
    before = estimator(memory=memory).fit(cohort.func)

    def double(content):
        values = np.frombuffer(content, "<f4", offset=352)
        values[values.size // 4 : values.size // 2] *= -1

    rewrite(Path(cohort.func[0]), double)
    after = estimator(memory=memory).fit(cohort.func)

    assert after.runs_["cached"].tolist() == [False, True, True, True]
    assert np.abs(after.components_ - before.components_).max() > 1e-3
    assert np.array_equal(after.components_, estimator().fit(cohort.func).components_)


@pytest.mark.parametrize(
    ("way", "plain", "compressed"),
    [("", True, False), ("content", True, False), ("full", True, True), ("ends", False, False)],
)
def test_what_a_fingerprint_trusts(cohort, monkeypatch, way, plain, compressed):
    """All bytes of a plain file by default; gzip's checksum; more or less on request."""
    monkeypatch.setenv("NBICA_FINGERPRINT", way)
    found = []
    for name in cohort.func[:2]:
        before = fingerprint(load_run(name))
        rewrite(Path(name), flip_in_the_middle)
        found.append(fingerprint(load_run(name)) != before)

    assert found == [plain, compressed]


def test_an_unknown_fingerprint_is_an_error(cohort, monkeypatch):
    """A typo does not silently choose the default."""
    monkeypatch.setenv("NBICA_FINGERPRINT", "fast")

    with pytest.raises(ValueError, match="NBICA_FINGERPRINT is 'fast'; expected one of content"):
        fingerprint(load_run(cohort.func[0]))


def test_a_file_is_read_once_for_its_fingerprint_until_it_changes(cohort, monkeypatch):
    """What the file system says to be unchanged is not read again by the same process."""
    path = Path(cohort.func[0])
    monkeypatch.setattr(fingerprints, "_SETTLED", -1.0)
    read = []
    crc32 = fingerprints.crc32
    monkeypatch.setattr(fingerprints, "crc32", lambda p: read.append(len(p)) or crc32(p))

    prints = [fingerprint(load_run(path)) for _ in range(3)]
    assert sum(read) == path.stat().st_size
    rewrite(path, flip_in_the_middle)
    time.sleep(0.05)

    assert fingerprint(load_run(path)) != prints[0]
    assert len(set(prints)) == 1
    assert sum(read) == 2 * path.stat().st_size
