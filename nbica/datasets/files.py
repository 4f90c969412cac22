"""Files that are whole or not there: atomic writing, manifests, and 4D images frame by frame."""

import json
import os
from pathlib import Path

import platformdirs

from nbica.runtime.atomic import write_text


def data_folder(data_dir=None):
    """Folder for data: the argument, else `NBICA_DATA`, else the cache folder of the platform."""
    chosen = data_dir or os.environ.get("NBICA_DATA")
    if chosen is None or not str(chosen):
        chosen = platformdirs.user_cache_dir("nbica")
    return Path(chosen).expanduser().absolute()


def make_folder(folder):
    """Create a folder that can be written to, or say which one cannot and what to do."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(13, "Permission denied", str(folder))
    except OSError as error:
        msg = (
            f"Cannot write to the data folder {folder} ({error.strerror}). Pass data_dir=..., or "
            "set the environment variable NBICA_DATA, to a folder that you may write to."
        )
        raise OSError(msg) from error
    return folder


def write_json(path, content):
    """Write a JSON file, atomically, keys in the order given."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def write_table(path, table):
    """Write a data frame as BIDS wants it: tab separated, `n/a` for what is missing."""
    text = table.to_csv(sep="\t", index=False, na_rep="n/a", float_format="%.8g")
    write_text(path, text.replace("\r\n", "\n"))


def write_manifest(path, files):
    """Record the sizes of finished files; written last, it says that they are complete."""
    sizes = {os.path.relpath(file, path.parent): file.stat().st_size for file in files}
    write_json(path, {Path(name).as_posix(): size for name, size in sizes.items()})


def is_complete(manifest):
    """Whether the manifest is there and every file it names is, with its size."""
    try:
        sizes = json.loads(manifest.read_text(encoding="utf-8"))
        return all((manifest.parent / name).stat().st_size == n for name, n in sizes.items())
    except (OSError, ValueError, AttributeError):
        return False
