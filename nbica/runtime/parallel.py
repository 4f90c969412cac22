"""A loop over several processes that looks at the stop flag while it waits."""

from joblib import Parallel

from nbica.progress import checkpoint


class StoppableParallel(Parallel):
    """joblib's Parallel; while it waits for a result it heeds the run that is under way.

    The overridden methods are none that joblib documents. Were they gone one day, a fit would still
    stop: when the item that it waits for is done.
    """

    def _wait_retrieval(self):
        checkpoint()
        return super()._wait_retrieval()

    def _warn_exit_early(self):
        """Say nothing of results that are given up: that is what stopping means."""
