"""gzip and CRC-32: by igzip, two to three times faster, or by zlib where isal has no wheel.

What is read and every checksum is the same by both; what is written differs in its bytes, not in
its content. No other module knows which of them it is.
"""

import gzip
import zlib

try:
    from isal import igzip, isal_zlib
except ImportError:  # a processor for which there is no wheel
    igzip = None

FASTEST = 1  # level of both; more makes noise hardly smaller

if igzip is None:
    ERRORS = (zlib.error,)
    crc32 = zlib.crc32
else:
    ERRORS = (zlib.error, isal_zlib.error)
    crc32 = isal_zlib.crc32


def open_gzip(path):
    """A file's decompressed bytes, as a binary stream.

    Parameters
    ----------
    path : path

    Returns
    -------
    binary file
    """
    return (gzip if igzip is None else igzip).open(path, "rb")


def gzip_writer(stream):
    """A stream that compresses what is written to it into another one.

    Time stamp and name are left empty, so that the bytes depend on the content only.

    Parameters
    ----------
    stream : binary file
        It stays open when the writer is closed.

    Returns
    -------
    binary file
    """
    writer = gzip.GzipFile if igzip is None else igzip.IGzipFile
    return writer("", "wb", compresslevel=FASTEST, fileobj=stream, mtime=0)
