"""igzip and zlib are one to whoever reads: the same bytes, checksums and errors."""

import gzip
import subprocess
import sys
import zlib

import pytest

from nbica.runtime import compression

CONTENT = bytes(range(256)) * 999
# The same module as on a processor for which isal has no wheel.
_WITHOUT_ISAL = """
import sys
sys.modules["isal"] = None
from pathlib import Path
from nbica.runtime import compression

read, written = map(Path, sys.argv[1:])
content = compression.open_gzip(read).read()
with written.open("wb") as stream, compression.gzip_writer(stream) as writer:
    writer.write(content)
print(compression.igzip, compression.crc32(content))
"""


def write(path, content):
    with path.open("wb") as stream, compression.gzip_writer(stream) as writer:
        writer.write(content)


def test_without_isal(tmp_path):
    """What igzip wrote is read by zlib, and the other way round; checksums agree."""
    write(tmp_path / "by_isal.gz", CONTENT)
    paths = [tmp_path / "by_isal.gz", tmp_path / "by_zlib.gz"]
    command = [sys.executable, "-c", _WITHOUT_ISAL, *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["None", str(compression.crc32(CONTENT))]
    assert [compression.open_gzip(path).read() for path in paths] == [CONTENT, CONTENT]


def test_bytes_depend_on_the_content_only(tmp_path):
    """No name and no time of day is in a file: two of the same content are the same."""
    write(tmp_path / "one.gz", CONTENT)
    write(tmp_path / "another.gz", CONTENT)

    assert (tmp_path / "one.gz").read_bytes() == (tmp_path / "another.gz").read_bytes()
    assert gzip.decompress((tmp_path / "one.gz").read_bytes()) == CONTENT


def test_checksum_is_that_of_everybody():
    """CRC-32 as zlib has it, so that an entry of a cache is read wherever it is brought."""
    assert compression.crc32(CONTENT) == zlib.crc32(CONTENT)


def test_damage_is_an_error_that_is_named(tmp_path):
    """A damaged stream raises one of those that `ERRORS`, or OSError, stand for."""
    path = tmp_path / "damaged.gz"
    damaged = bytearray(gzip.compress(CONTENT))
    damaged[20:40] = bytes(20)
    path.write_bytes(damaged)

    with pytest.raises((*compression.ERRORS, OSError, EOFError)):
        compression.open_gzip(path).read()
