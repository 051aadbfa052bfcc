# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether figures grow, told from their ranks: pauses are not spread like a bell, and one bad run must not decide."""
import math
import statistics


def chance_of_growth(groups):
    """The chance that groups, in their order, would seem to grow as much as these if they did not: the one-sided test
    of Jonckheere and Terpstra by the normal approximation, which for two groups is that of Mann and Whitney."""
    pairs = sum((a < b) + (a == b) / 2
                for at, one in enumerate(groups) for other in groups[at + 1:] for a in one for b in other)
    sizes = [len(group) for group in groups]
    total = sum(sizes)
    mean = (total ** 2 - sum(size ** 2 for size in sizes)) / 4
    variance = (total ** 2 * (2 * total + 3) - sum(size ** 2 * (2 * size + 3) for size in sizes)) / 72
    if variance == 0:
        return 1.0
    return 1 - statistics.NormalDist().cdf((pairs - mean - 0.5) / math.sqrt(variance))


def slope(points):
    """The median of the slopes between any two (x, y) of different x (Theil and Sen); 0 where there are none."""
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for at, a in enumerate(points) for b in points[at + 1:] if a[0] != b[0]]
    return statistics.median(slopes) if slopes else 0.0
