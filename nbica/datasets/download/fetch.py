"""Fetch the missing files of a plan: each by itself, whole or not at all.

A file comes as a `.part` in the folder `.nbica` of its data set, is verified, and then renamed (an
archive: unpacked beside, then merged). A lock per file keeps two processes apart. Whatever stops
it, a kill included, the next call goes on from there, and `.nbica` is gone when all is here.
"""

import concurrent.futures
import errno
import os
import shutil
import threading
from pathlib import Path
from urllib.parse import quote

from nbica.datasets import files
from nbica.datasets.download import hash_record, locks, transfer, verify
from nbica.datasets.download.addresses import check_address, shown
from nbica.datasets.download.hosts import Hosts
from nbica.datasets.download.plan import in_words, look_at, part_of
from nbica.datasets.download.transfer import FINAL, TransferError
from nbica.exceptions import DataError, DownloadError
from nbica.runtime.progress import monitor

N_PARALLEL = 4
FIRST_PAUSE = 1.0  # s, doubled with each attempt
GIVE_UP = 4  # attempts in a row that brought no byte
MOST_ATTEMPTS = 30
LONGEST_WAIT = 120  # s that we wait for a server that asks for it
_OF_HEARSAY = 3  # times the size that somebody told
_UNPLANNED = 10_000_000_000  # bytes of a file of which nothing is known
_OF_THE_DISK = 0.9  # of what is free, at most
_FAILURES = 3  # files that may fail before the others are not tried


def fetch(plan, *, resume=True, verbose=1):
    """Download the missing files of a plan, and return where everything is.

    Memory is a few pieces of 256 kB; the disk needs the files, and twice an archive's while it is
    unpacked.

    Parameters
    ----------
    plan : plan.DownloadPlan
    resume : bool
        False starts files anew that were begun.
    verbose : int
        Above 0, progress is shown.

    Returns
    -------
    dict
        Paths in the data set to paths on disk (str).

    Raises
    ------
    DownloadError
        If a file did not come; those that did are kept.
    """
    plan = verify.adopted(plan)
    failed = []
    if plan.missing:
        _check_room(plan)
        detail = f"{len(plan.missing)} files" if len(plan.missing) > 1 else "1 file"
        with monitor(f"fetch {plan.entry.name}", detail, verbose=verbose) as report:
            failed = _Fetch(plan, report, resume).run()
        plan = plan.again()
    verify.tidy(plan)
    if failed:
        raise _download_error(plan, failed)
    return plan.paths


def mirrored(file, folder, prefix=None):
    """The urls under which a file is asked for: those of the mirror alone, where one is set.

    Parameters
    ----------
    file : registry.RemoteFile
    folder : str
        Name of the data set's folder.
    prefix : str, optional
        By default the environment variable NBICA_MIRROR: a url or a folder.
    """
    prefix = prefix or os.environ.get("NBICA_MIRROR")
    if not prefix:
        return file.urls
    if "://" not in prefix:
        prefix = Path(prefix).expanduser().absolute().as_uri()
    check_address(prefix, "NBICA_MIRROR")
    return (f"{prefix.rstrip('/')}/{quote(folder)}/{quote(file.path)}",)


def pause_before_retry(error, n_fruitless):
    """Seconds to wait before another attempt, or None if there should be none."""
    if n_fruitless >= GIVE_UP or (error.wait or 0) > LONGEST_WAIT:
        return None
    return error.wait if error.wait is not None else FIRST_PAUSE * 2 ** max(0, n_fruitless - 1)


class _Fetch:
    """One fetch: its threads, its progress, and what went wrong."""

    def __init__(self, plan, report, resume):
        self._plan = plan
        self._resume = resume
        self._stop = threading.Event()
        self._report = report
        self._amount = _Amount(report, plan)
        self._hosts = Hosts(self._check)

    def run(self):
        """Fetch all; return a list of the files that failed, with their errors."""
        failed = []
        pool = concurrent.futures.ThreadPoolExecutor(N_PARALLEL, "nbica-fetch")
        futures = {pool.submit(self._get, item): item.file for item in self._plan.missing}
        try:
            for future in self._as_completed(futures):
                error = future.exception()
                if isinstance(error, (DataError, OSError)):
                    failed.append((futures[future], error))
                elif error is not None:
                    raise error
                if len(failed) >= _FAILURES or getattr(error, "is_offline", False):
                    pool.shutdown(wait=False, cancel_futures=True)
        finally:
            self._stop.set()  # after an interruption, threads end at their next piece
            pool.shutdown(wait=True, cancel_futures=True)
        return failed

    def _as_completed(self, futures):
        left = set(futures)
        while left:
            done, left = concurrent.futures.wait(left, timeout=0.1, return_when="FIRST_COMPLETED")
            self._amount.show(self._hosts.resting())
            self._report.check()
            yield from done
            left = {future for future in left if not future.cancelled()}

    def _check(self):
        if self._stop.is_set():
            raise concurrent.futures.CancelledError

    def _get(self, item):
        """Bring one file, unless another process does so first."""
        file, folder = item.file, files.make_folder(self._plan.folder)
        part = part_of(folder, file.path)
        with locks.held(part.with_suffix(".lock"), self._check):
            known = hash_record.read(folder)
            if item.state == "damaged" or look_at(file, self._plan, known).state != "here":
                if not self._resume:
                    transfer.discard(part)
                self._fetch(file, part, file.hash or known.get(file.path, {}).get("hash"))
            transfer.discard(part)
            self._amount.finish(file)

    def _fetch(self, file, part, expected):
        source = self._placed_by_hand(file, expected) or self._bring(file, part, expected)
        try:
            verify.commit(file, source, self._plan.folder)
        except DataError:
            transfer.discard(part)  # whole, but not what it should be
            raise

    def _placed_by_hand(self, file, expected):
        """An archive that someone put where the message said; it stays."""
        path = self._plan.folder / file.path
        if file.members and path.is_file() and not verify.flaw(path, file, expected):
            return path
        return None

    def _bring(self, file, part, expected):
        """Download a file from the first of its urls that gives it."""
        reasons = {}
        for url in mirrored(file, self._plan.entry.folder):
            try:
                self._bring_from(url, file, part, expected)
            except TransferError as error:
                reasons[url] = error
            else:
                return part
        error = DownloadError(
            "\n".join(f"  {shown(url)}\n    {why}" for url, why in reasons.items())
        )
        error.is_offline = all(why.is_offline for why in reasons.values())
        raise error

    def _bring_from(self, url, file, part, expected):
        """Download from one url, with patience as long as it helps."""
        n_fruitless = 0
        for _ in range(MOST_ATTEMPTS):
            n_before = verify.n_bytes(part)
            try:
                with self._hosts.turn(url):
                    transfer.transfer(
                        url,
                        part,
                        is_checked=expected is not None,
                        most_bytes=_most_bytes(file, part.parent),
                        tell=lambda n_here: self._amount.at(file, n_here),
                        check=self._check,
                    )
                _check_file(part, file, expected)
            except TransferError as error:
                gained = error.weight < FINAL and verify.n_bytes(part) > n_before
                n_fruitless = 0 if gained else n_fruitless + error.weight
                pause = pause_before_retry(error, n_fruitless)
                if pause is None:
                    raise
                self._hosts.rest(url, pause)
            else:
                return
        msg = f"given up after {MOST_ATTEMPTS} interrupted attempts"
        raise TransferError(msg)


def _most_bytes(file, folder):
    """Bytes at which the transfer of a file is stopped: what was planned, where that is known."""
    if file.size:
        return file.size
    free = int(_OF_THE_DISK * shutil.disk_usage(folder).free)
    return min(_OF_HEARSAY * file.about if file.about else _UNPLANNED, free)


def _check_file(part, file, expected):
    flaw = verify.flaw(part, file, expected)
    if flaw:
        transfer.discard(part)
        msg = f"{flaw}; what came was removed"
        raise TransferError(msg, weight=GIVE_UP // 2)


class _Amount:
    """Tells of the bytes of all files where their sizes are known, else of the files."""

    def __init__(self, report, plan):
        self._report = report
        self._n_here = {}
        self._n_files = len(plan.missing)
        self._n_done = 0
        self._guard = threading.Lock()
        total, self._in_bytes = plan.n_bytes
        self._unit, name = (1_000_000, "MB") if total >= 20_000_000 else (1_000, "kB")
        self._shown = 0
        if self._in_bytes:
            report.stage(f"download ({name})", -(-total // self._unit))
        else:
            report.stage("download (files)", self._n_files)

    def at(self, file, n_here):
        """Note that so many bytes of a file are here."""
        with self._guard:
            self._n_here[file.path] = n_here

    def finish(self, file):
        """Note that a file is done, by whomever."""
        with self._guard:
            self._n_here[file.path] = max(self._n_here.get(file.path, 0), file.size or 0)
            self._n_done += 1

    def show(self, resting):
        """Tell the report, from the thread that it belongs to; also of hosts that ask to wait."""
        with self._guard:
            n_bytes, n_done = sum(self._n_here.values()), self._n_done
        now = n_bytes // self._unit if self._in_bytes else n_done
        step, self._shown = now - self._shown, now
        waits = [f", {host} asks to wait {left:.0f} s" for host, left in resting.items()]
        note = f"{n_done} of {self._n_files} files, {in_words(n_bytes)}{''.join(waits)}"
        self._report.advance(step, note)


# --- before and after ---


def _check_room(plan):
    """Say that the disk is too small before an hour of downloading."""
    needed = plan.n_bytes[0]
    place = next(path for path in (plan.folder, *plan.folder.parents) if path.exists())
    free = shutil.disk_usage(place).free
    if needed > free:
        msg = (
            f"{plan.entry.name} needs {in_words(needed)} in {plan.folder}, but only "
            f"{in_words(free)} are free. Make room, pass data_dir=..., or set NBICA_DATA."
        )
        raise OSError(errno.ENOSPC, msg)


def _download_error(plan, failed):
    """One error for all that failed: what, whence, why, and how to go on by hand."""
    file, error = failed[0]
    others = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
    n_kept = sum(item.state == "here" for item in plan.items)
    hint = ""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        hint = "The disk is full: make room or set NBICA_DATA. "
    msg = (
        f"{plan.entry.name}: {file.path}{others} could not be fetched.\n{_why(error, file)}\n"
        f"{n_kept} of {len(plan.items)} files are here; call again to go on. {hint}\n"
        f"By hand: download it with a browser, save it as\n  {plan.folder / file.path}\n"
        "and call again. A classroom's copy is used with NBICA_MIRROR=<url or folder>."
    )
    return DownloadError(msg)


def _why(error, file):
    if isinstance(error, DownloadError):
        return str(error)
    return f"  {shown(file.urls[0])}\n    {error}"
