"""What components are, and whether they come back: the door to pairing, labels and split halves.

`match` pairs maps with reference maps (arrays); `label` names components after known networks and
`flag_noise` suggests which are noise (images); `split_half` fits halves of a group again and
again, and tells how well components are reproduced (an estimator and its runs).
"""

from nbica.labels import flag_noise, label
from nbica.pairing import Match, correlate, match
from nbica.reproducibility import SplitHalf, split_half

__all__ = ["Match", "SplitHalf", "correlate", "flag_noise", "label", "match", "split_half"]
