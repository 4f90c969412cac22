"""What components are, and whether they come back.

`match` pairs maps with reference maps (arrays); `label` names components after known networks and
`flag_noise` suggests which are noise (images); `split_half` fits halves of a group again and
again and measures how well components are reproduced (an estimator and its runs).
"""

from nbica.runtime.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        ".labels": ["flag_noise", "label"],
        ".pairing": ["Match", "correlate", "match"],
        ".quality": ["framewise_displacement"],
        ".reproducibility": ["SplitHalf", "split_half"],
    },
)
