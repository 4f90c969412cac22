"""Results as tables with named columns, where `set_output` asks for them."""

from __future__ import annotations

from typing import Literal, Self

from sklearn import get_config

CONTAINERS = ("default", "pandas", "polars")


class TableOutput:
    """`set_output` of scikit-learn, for transformers whose warnings point to who called them.

    scikit-learn's own wraps `transform`, and every warning would point into scikit-learn. A
    subclass has `get_feature_names_out()`.
    """

    def set_output(
        self, *, transform: Literal["default", "pandas", "polars"] | None = None
    ) -> Self:
        """Choose what `transform` gives.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None
            Arrays, or tables with names; None changes nothing.

        Returns
        -------
        self
        """
        if transform is not None and transform not in CONTAINERS:
            msg = f"transform is {transform!r}; expected one of {', '.join(CONTAINERS)}."
            raise ValueError(msg)
        if transform is not None:
            # Under the name that scikit-learn's `clone` copies.
            self._sklearn_output_config = {"transform": transform}
        return self

    def _container(self):
        chosen = getattr(self, "_sklearn_output_config", {})
        return chosen.get("transform", get_config()["transform_output"])

    def _as_output(self, rows):
        """An array of shape (n_rows, n_columns) in the container that was chosen."""
        container = self._container()
        if container == "default":
            return rows
        names = list(self.get_feature_names_out())
        if container == "pandas":
            import pandas as pd

            return pd.DataFrame(rows, columns=names)
        import polars as pl

        return pl.DataFrame(rows, schema=names, orient="row")
