"""Named steps whose results are kept: joblib.Memory, keyed by what determines the result.

A step is a function of a *key* and of the things it works on. Only the key is hashed: it holds the
content's fingerprint and the parameters, so that a renamed file hits, a changed one misses, and no
array is hashed that was just read. Changing a helper of a step changes no source that joblib
watches; raise the step's version then.

joblib keeps results as pickles: open only a cache that you, or somebody you trust, has written.
"""

import os
from pathlib import Path

from joblib import Memory


def open_memory(memory):
    """A joblib.Memory of what a user passes as `memory`.

    Parameters
    ----------
    memory : None, path or joblib.Memory
        None keeps nothing.

    Returns
    -------
    joblib.Memory

    Raises
    ------
    TypeError
        If it is something else.
    """
    if isinstance(memory, Memory):
        return memory
    if memory is None:
        return Memory(None, verbose=0)
    # Asked here, because joblib warns of another type and then keeps nothing.
    if not isinstance(memory, str | os.PathLike):
        msg = f"memory is a {type(memory).__name__}; expected a folder, a joblib.Memory or None."
        raise TypeError(msg)
    # Memory-mapped results: the group stage reads the rows it needs, and a worker hands back the
    # name of a file, not its bytes.
    # Absolute: a worker of a cluster has another working directory.
    return Memory(Path(memory).expanduser().absolute(), mmap_mode="r", verbose=0)


def recall(memory, step, version, key, **work):
    """The result of a step, from the cache where it is there.

    Parameters
    ----------
    memory : joblib.Memory
    step : function of (key, version, **work)
        Importable; it is called only where the cache has no result.
    version : int
    key : hashable by joblib
        All that determines the result.
    **work
        What the step works on; not hashed.

    Returns
    -------
    result : object
    from_cache : bool
    """
    cached = memory.cache(step, ignore=list(work))
    # Asked first, because a call does not say afterwards where its result came from.
    from_cache = cached.check_call_in_cache(key, version, **work)
    return cached(key, version, **work), from_cache
