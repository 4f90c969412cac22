"""Plans: what fits is chosen from headers, and the machine's limits are read where they stand."""

import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
from planted import AFFINE, brain_mask, mask_image, run_image, write_cohort

from nbica import CanICA
from nbica.image import frames, oblique
from nbica.image import run as images
from nbica.image.run import iter_runs
from nbica.masking.compute import _means
from nbica.runtime import machine, workload
from nbica.runtime.budget import make_plan
from nbica.runtime.units import human, parse_ram
from nbica.runtime.workload import Workload, merge_transient, rows_waiting, workload_of

GB = 10**9
# Four HCP runs.
HCP = Workload(
    n_runs=4, n_timepoints=1200, total_timepoints=4800, n_voxels=235_000, frame_voxels=902_629,
    itemsize=4, compressed_bytes=4 * GB, plain_bytes=0, n_components=20, n_stored=32,
    smooth=True, confounds=False, band_pass=False, mask_pass=False,
)  # fmt: skip
BASE = 150_000_000


def planned(ram, workload=HCP, n_jobs=2, **options):
    return make_plan(workload, n_jobs, ram, BASE, "/scratch", **options)


# ---- what a user writes --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ram", "n_bytes"),
    [
        (None, None), (1500, 1500), (1.5e9, 1_500_000_000), (np.int64(7), 7), ("1.5GB", 1.5e9),
        ("800 MB", 8e8), (" 2GiB ", 2 * 2**30), ("512Mi", 512 * 2**20), ("3k", 3000), ("1T", 1e12),
        ("1.5 gb", 1.5e9), (".5G", 5e8), ("100B", 100),
    ],
    ids=repr,
)  # fmt: skip
def test_budgets_as_people_write_them(ram, n_bytes):
    """Bytes, decimal and binary units, in either case, with and without a space."""
    assert parse_ram(ram) == n_bytes


@pytest.mark.parametrize(
    "ram",
    ["", "GB", "1,5GB", "1.2.3GB", "-1GB", "much", "10%", 0, 0.5, -3, True, "0 MB", [1], "1PB"],
    ids=repr,
)  # fmt: skip
def test_what_is_no_budget_is_refused(ram):
    """An error names what was found and shows what is expected."""
    with pytest.raises(ValueError, match=r"ram is .* '1\.5GB'"):
        CanICA(ram=ram).plan([])


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [(0, "-"), (999, "1 kB"), (5e3, "5 kB"), (1.5e6, "1.5 MB"), (8.2e8, "820 MB"), (2e9, "2.0 GB"),
     (123e9, "123 GB")],
)  # fmt: skip
def test_bytes_for_people(n_bytes, text):
    """Two or three digits and a unit."""
    assert human(n_bytes) == text


# ---- decisions -----------------------------------------------------------------------------------


def test_less_ram_first_moves_to_disk_then_drops_workers():
    """As a budget shrinks: all in RAM, then scratch files, then one worker, then an error."""
    seen = []
    for ram in np.arange(5e9, 0.2e9, -0.02e9):
        try:
            plan = planned(ram)
        except MemoryError:
            break
        assert plan.peak <= ram
        seen.append((plan.n_workers, plan.in_ram))

    assert list(dict.fromkeys(seen)) == [(2, True), (2, False), (1, False)]


def test_error_says_a_budget_that_works():
    """Too small a budget: what it says would do, does, even if the process grew a little."""
    with pytest.raises(MemoryError, match=r"235000 voxels.*restart the kernel") as caught:
        planned(2e8)

    enough = parse_ram(str(caught.value).split("ram='")[1].split("'")[0])
    assert make_plan(HCP, 2, enough, BASE + 9_000_000, "/scratch").n_workers == 1
    with pytest.raises(MemoryError):
        planned(enough - 30_000_000)


def test_short_runs_are_not_sent_to_disk_in_vain():
    """Where a scratch file's blocks are as large as the matrix, the least is with it in RAM."""
    small = replace(HCP, n_voxels=2000, frame_voxels=8000)
    with pytest.raises(MemoryError) as caught:
        planned(1e8, small)

    enough = parse_ram(str(caught.value).split("ram='")[1].split("'")[0])
    assert planned(enough, small).in_ram


def test_no_more_workers_than_runs():
    """Two runs never get more than two workers; of a generator, nobody knows how many come."""
    assert planned(99 * GB, replace(HCP, n_runs=2), n_jobs=8).n_workers == 2
    assert planned(99 * GB, replace(HCP, n_runs=None), n_jobs=8).n_workers == 8


def test_more_of_anything_takes_more_memory():
    """The prediction grows with timepoints, voxels, components and workers, not with runs."""
    least = planned(99 * GB).peak

    for name in ("n_timepoints", "n_voxels", "n_components", "n_stored"):
        assert planned(99 * GB, replace(HCP, **{name: 2 * getattr(HCP, name)})).peak > least
    assert planned(99 * GB, n_jobs=3).peak > least > planned(99 * GB, n_jobs=1).peak
    assert (
        planned(99 * GB, replace(HCP, n_runs=400)).peak
        == planned(99 * GB, replace(HCP, n_runs=12)).peak
    )


def test_cluster_is_planned_worker_by_worker():
    """On a cluster, the parent has its own budget and each run that of a slot in a worker."""
    roomy, tight = (planned(3 * GB, n_jobs=50, slot=slot) for slot in (2 * GB, 0.4 * GB))

    assert roomy.on_cluster
    assert roomy.n_workers == 50
    assert roomy.in_ram
    assert not tight.in_ram
    assert "50 at a time on the cluster" in str(roomy)
    with pytest.raises(MemoryError, match="worker of the cluster has 10 MB"):
        planned(3 * GB, n_jobs=50, slot=10_000_000)


def test_plan_prints_a_stable_table():
    """The printed plan is a table of stages, without addresses or times of day."""
    assert str(planned(1.2 * GB, n_jobs=1)) == repr(planned(1.2 * GB, n_jobs=1))
    lines = str(planned(1.2 * GB, n_jobs=1)).splitlines()

    assert lines[0] == "4 runs of up to 1200 timepoints, 235000 voxels, 20 components"
    assert lines[1] == "1 at a time, each run's matrix (1.1 GB) in a scratch file in /scratch"
    assert lines[3].split() == ["stage", "RAM", "disk", "minutes"]
    assert [line.split()[0] for line in lines[4:7]] == ["reduce", "ICA", "budget"]
    assert lines[-1] == "With memory=..., the cache grows by 120 MB."


# ---- what the machine allows ---------------------------------------------------------------------


@pytest.fixture
def box(tmp_path, monkeypatch):
    """A machine made of files: 8 GB free, no limits; `write(name, text)` adds a file."""

    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    page = os.sysconf("SC_PAGE_SIZE")
    write("proc/self/statm", f"{GB // page} {GB // 10 // page} 9 9 0 9 0\n")
    write("proc/meminfo", "MemTotal: 9000000 kB\nMemAvailable:    8000000 kB\n")
    monkeypatch.setattr(machine, "PROC", tmp_path / "proc")
    monkeypatch.setattr(machine, "CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(machine, "_free_address_space", lambda: None)
    monkeypatch.delenv("MEM_LIMIT", raising=False)
    return SimpleNamespace(write=write, folder=tmp_path)


def free():
    """Bytes that the limits leave free."""
    return (machine.allowed_ram() - machine.resident()) / machine.MARGIN


def test_free_memory_is_the_limit_where_there_is_no_other(box):
    """What is taken already, and four fifths of MemAvailable."""
    assert machine.resident() == pytest.approx(0.1 * GB, rel=1e-3)
    assert free() == pytest.approx(8.192e9)


def test_version_2_group_and_those_around_it(box):
    """The tightest group on the way to the root counts; its file pages are free."""
    box.write("proc/self/cgroup", "0::/jobs/mine\n")
    box.write("cgroup/jobs/mine/memory.max", "max\n")
    box.write("cgroup/jobs/mine/memory.current", f"{GB}\n")
    box.write("cgroup/jobs/memory.max", f"{3 * GB}\n")
    box.write("cgroup/jobs/memory.current", f"{2 * GB}\n")
    box.write("cgroup/jobs/memory.stat", f"anon 5\ninactive_file {GB // 2}\n")

    assert free() == pytest.approx(1.5 * GB)


def test_version_1_group(box):
    """A limit of a memory controller counts at its path below it; no limit is a huge number."""
    box.write("proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/slurm/job_7\n0::/y\n")
    box.write("cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")
    box.write("cgroup/memory/memory.usage_in_bytes", "1\n")
    box.write("cgroup/memory/slurm/job_7/memory.limit_in_bytes", f"{2 * GB}\n")
    box.write("cgroup/memory/slurm/job_7/memory.usage_in_bytes", f"{GB}\n")
    box.write("cgroup/memory/slurm/job_7/memory.stat", f"total_inactive_file {GB // 10}\n")

    assert free() == pytest.approx(1.1 * GB)


def test_limit_in_a_container(box):
    """In a container the group's own files are at the root, wherever the path says it is."""
    box.write("proc/self/cgroup", "0::/../../pod/abc\n")
    box.write("cgroup/memory.max", f"{2 * GB}\n")
    box.write("cgroup/memory.current", f"{GB}\n")

    assert free() == pytest.approx(GB)


def test_limit_of_a_hub(box, monkeypatch):
    """`MEM_LIMIT` in bytes counts, less what this process takes; anything else does not."""
    monkeypatch.setenv("MEM_LIMIT", f"{2 * GB}")
    assert free() == pytest.approx(1.9 * GB, rel=1e-3)

    monkeypatch.setenv("MEM_LIMIT", "a lot")
    assert free() == pytest.approx(8.192e9)


def test_full_machine_leaves_what_is_taken(box):
    """Where nothing is free, the budget is what the process holds: never negative."""
    box.write("proc/meminfo", "MemAvailable: 0 kB\n")

    assert machine.allowed_ram() == machine.resident()


def test_no_proc(box):
    """Where the kernel has no /proc, there is an answer too."""
    for name in ("self/statm", "meminfo"):
        (box.folder / "proc" / name).unlink()

    own = psutil.Process().memory_info().rss
    assert machine.resident() == pytest.approx(own, rel=0.1)
    assert machine.resident_of_all() >= 0.9 * own
    assert free() == pytest.approx(psutil.virtual_memory().available, rel=0.5)


@pytest.mark.skipif(sys.platform != "linux", reason="address space is limited on Linux")
def test_limited_address_space():
    """RLIMIT_AS counts, less the address space that is taken."""
    code = (
        "import resource; from nbica.runtime import machine; "
        "resource.setrlimit(resource.RLIMIT_AS, (2 * 10**9, 2 * 10**9)); "
        "print(machine.allowed_ram())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert 0.5e9 < int(done.stdout) < 2e9


@pytest.mark.parametrize(
    ("variable", "wanted", "allowed"),
    [
        ("OMP_NUM_THREADS", None, 4), ("OMP_NUM_THREADS", "1", 1), ("OMP_NUM_THREADS", "16", 4),
        ("OMP_NUM_THREADS", "0", 4), ("OMP_NUM_THREADS", "a,b", 4), ("CPU_LIMIT", "1.0", 1),
        ("CPU_LIMIT", "0.5", 1), ("CPU_LIMIT", "2.5", 3), ("CPU_LIMIT", "inf", 4),
        ("CPU_LIMIT", "", 4),
    ],
)  # fmt: skip
def test_threads_of_a_worker(monkeypatch, variable, wanted, allowed):
    """A process has the cores there are, or fewer where a hub or OMP_NUM_THREADS says so."""
    monkeypatch.setattr(machine, "cpu_count", lambda: 4)
    for name in ("OMP_NUM_THREADS", "CPU_LIMIT"):
        monkeypatch.delenv(name, raising=False)
    if wanted is not None:
        monkeypatch.setenv(variable, wanted)

    assert machine.threads_allowed() == allowed


def test_scratch_folder(monkeypatch):
    """`NBICA_SCRATCH` first, then the cache's folder, then the system's."""
    monkeypatch.delenv("NBICA_SCRATCH", raising=False)
    assert machine.choose_scratch_folder("cache") == "cache"
    assert os.path.isdir(machine.choose_scratch_folder())  # noqa: PTH112

    monkeypatch.setenv("NBICA_SCRATCH", "fast")
    assert machine.choose_scratch_folder("cache") == "fast"


def test_scratch_folder_of_a_read_only_cache(tmp_path, monkeypatch):
    """A cache that may only be read holds no scratch files: the system's folder does."""
    monkeypatch.delenv("NBICA_SCRATCH", raising=False)
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path and access(path, mode))

    assert machine.choose_scratch_folder(tmp_path) == tempfile.gettempdir()
    assert machine.choose_scratch_folder(tmp_path / "new") == tempfile.gettempdir()


def test_scratch_folder_of_a_new_cache(tmp_path, monkeypatch):
    """The folder of a cache is made when scratch files need it, not before."""
    monkeypatch.delenv("NBICA_SCRATCH", raising=False)
    new = tmp_path / "new" / "cache"
    assert machine.choose_scratch_folder(new) == str(new)
    assert not new.exists()

    machine.check_disk(new, 1)

    assert new.is_dir()


def test_room_for_scratch_is_asked_first(tmp_path, monkeypatch):
    """Too little room, and a folder that is not there, are told before anything is read."""
    machine.check_disk(None, 10**30)
    machine.check_disk(tmp_path, 0)
    with pytest.raises(OSError, match=r"has .* GB free.*NBICA_SCRATCH"):
        machine.check_disk(tmp_path, 10**18)
    monkeypatch.setenv("NBICA_SCRATCH", str(tmp_path / "none"))
    with pytest.raises(OSError, match=r"not a folder.*NBICA_SCRATCH"):
        machine.check_disk(tmp_path / "none", 1)


@pytest.mark.parametrize(("kind", "share"), [("ext4", 0.5), ("tmpfs", 0)])
def test_room_to_wait(box, kind, share):
    """Half of what is free in memory or on disk, and none in a file system that is memory."""
    box.write("proc/meminfo", "MemAvailable: 1000 kB\n")
    device = box.folder.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    box.write("proc/self/mountinfo", f"36 1 {number} / / rw,relatime shared:1 - {kind} none rw\n")

    assert machine.room_to_wait(box.folder) == share * 1_024_000
    assert machine.room_to_wait(box.folder / "yet" / "to be made") == share * 1_024_000


# ---- from headers --------------------------------------------------------------------------------


def test_workload_from_headers(tmp_path, rng):
    """Longest run, all timepoints, and bytes on disk by kind, from files and images in memory."""
    cohort = write_cohort(tmp_path, n_runs=3)  # 60 to 62 frames; .nii, .nii.gz, .nii
    mask = brain_mask()
    img = run_image(rng.standard_normal((9, mask.sum())), mask, AFFINE, np.float64)
    runs = list(iter_runs([*cohort.func, img]))

    work = workload_of(runs, 4, 100, 5, 32)

    sizes = [os.stat(path).st_size for path in cohort.func]  # noqa: PTH116
    assert (work.n_runs, work.n_timepoints, work.total_timepoints) == (4, 62, 192)
    assert (work.plain_bytes, work.compressed_bytes) == (sizes[0] + sizes[2], sizes[1])
    assert (work.frame_voxels, work.itemsize) == (mask.size, 8)
    assert work.matrix_bytes == 4 * 62 * 100


@pytest.mark.parametrize("mask", [True, False])
def test_plan_reads_headers_only(tmp_path, monkeypatch, mask):
    """200 files are planned by one look at each header and without their data."""
    cohort = write_cohort(tmp_path, n_runs=1, n_timepoints=4)
    opened = []
    open_image = images.open_image

    def counted(img, name):
        opened.append(img)
        return open_image(img, name)

    monkeypatch.setattr(images, "open_image", counted)
    monkeypatch.setattr(frames, "_iter_raw", None)

    plan = CanICA(mask=mask_image() if mask else None, ram="4GB").plan(cohort.func * 200)

    assert len(opened) == 200
    assert plan.workload.n_runs == 200
    assert list(plan.seconds) == [*([] if mask else ["mask"]), "reduce runs", "ICA"]
    assert plan.ram == 4 * GB


def test_weighted_components_are_planned():
    """Three times as many rows of each run wait, are weighted in a copy, and fill the stack."""
    weighted = replace(HCP, n_rows=60, weighted=True)
    row = 4 * HCP.n_voxels

    def more(n_runs):
        of_each = [replace(work, n_runs=n_runs) for work in (weighted, HCP)]
        first, second = [merge_transient(work, rows_waiting(work, 2, False)) for work in of_each]
        return round((first - second) / row)

    # Of each run in the stack, of the one that waits, and its copy.
    assert more(n_runs=2) == 2 * 40 + 40 + 60
    assert more(n_runs=40) == 40 + 60  # the stack is full in both


def test_libraries_are_counted_where_they_are_imported():
    """Confounds and a band-pass cost each worker its imports, and the parent next to nothing."""
    filtered = replace(HCP, confounds=True, band_pass=True, n_timepoints=100)
    plain = replace(HCP, n_timepoints=100)

    def more(n_jobs):
        return planned(4 * GB, filtered, n_jobs).worker - planned(4 * GB, plain, n_jobs).worker

    assert more(2) == workload.CONFOUNDS_EXTRA + workload.BAND_PASS_EXTRA
    assert more(1) == sum(workload.HERE_EXTRA)


def test_resampling_is_planned(tmp_path):
    """Runs that are turned against the mask take longer; shifted ones, or the same, do not."""
    cohort = write_cohort(tmp_path, n_runs=2)
    moved, turned = AFFINE.copy(), AFFINE.copy()
    moved[:3, 3] += 1.3
    turned[0, 1] = 0.3

    def seconds(affine):
        ica = CanICA(mask=mask_image(affine=affine), n_components=5)
        plan = ica.plan(cohort.func * 500)
        return plan.seconds["reduce runs"], plan.workload.resampled_values

    same, other = seconds(AFFINE), seconds(turned)

    assert same[1] == seconds(moved)[1] == 0
    assert other[1] == 500 * (60 + 61) * min(mask_image().get_fdata().size, 2.5 * 1952)
    assert other[0] > 2 * same[0]


# ---- what else a fit brings with it --------------------------------------------------------------


def test_a_block_of_frames_is_as_large_as_planned():
    """The plan counts the blocks that are read."""
    assert workload.FRAMES_BLOCK == frames.BLOCK_BYTES
    assert workload.OBLIQUE_FRAMES == oblique.N_FRAMES


@pytest.mark.parametrize("extra", ["confounds", "band_pass", "mask_pass"])
def test_what_a_fit_imports_is_counted(extra):
    """Confounds, a band-pass and a mask to compute each take libraries, and so memory."""
    with_it = planned(3 * GB, replace(HCP, **{extra: True}))

    assert with_it.mask == 0 or extra == "mask_pass"
    assert max(with_it.peak, with_it.mask) >= planned(3 * GB).peak
    assert (with_it.peak, with_it.mask) != (planned(3 * GB).peak, 0)


def test_mask_pass_follows_the_plan(tmp_path, monkeypatch):
    """Where memory is for one worker only, the mask is made by one as well."""
    cohort = write_cohort(tmp_path, n_runs=3)
    seen = []
    compute = _means
    monkeypatch.setattr(
        "nbica.masking.compute._means",
        lambda imgs, n_jobs, memory: seen.append(n_jobs) or compute(imgs, n_jobs, memory),
    )
    enough_for_one = machine.resident() + 60_000_000
    mask_args = {"connected": False, "opening": False}
    for ram in (enough_for_one, "20GB"):
        CanICA(
            n_components=3,
            smoothing_fwhm=None,
            n_jobs=2,
            ram=ram,
            n_init=1,
            mask_args=mask_args,
            mask_strategy="background",
        ).fit(cohort.func)

    assert seen == [1, 2]


def test_plan_of_a_generator_is_refused(tmp_path):
    """It could be gone through only once: nothing would be left for the fit."""
    cohort = write_cohort(tmp_path, n_runs=1, n_timepoints=4)
    runs = iter(cohort.func)

    with pytest.raises(TypeError, match=r"gone through only once.*Pass imgs=list\(imgs\)"):
        CanICA().plan(runs)

    assert list(runs) == cohort.func
