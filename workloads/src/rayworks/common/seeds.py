"""Random numbers that depend on what they are for, and not on those drawn before."""

from __future__ import annotations

import numpy as np


def seed(*numbers: int) -> int:
    """One 63-bit seed from several numbers, well mixed.

    Args:
        numbers: not negative: the run's seed, then those of the epoch, the rank … Zeros at the end
            do not count.
    """
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))
