"""Windows: which ones an element is in, and which ones merge (Windows, in Beam's semantics)."""
# SPDX-License-Identifier: Apache-2.0
from collections import namedtuple

TIME_MAX = 9223372036854775  # ms
TIME_MIN = -TIME_MAX
GLOBAL_MAX = 9223371950454775

Window = namedtuple("Window", "start end")  # end is exclusive: the last moment inside is end - 1
GLOBAL = Window(TIME_MIN, GLOBAL_MAX + 1)


def last_moment(window):
    return window.end - 1


def cut(start, end):
    """No window reaches beyond the global one."""
    return Window(start, min(end, GLOBAL_MAX + 1))


class Global:
    merging = False

    def assign(self, ts):
        return [GLOBAL]


class Fixed:
    """[start, start + size) where start is congruent to the offset."""

    merging = False

    def __init__(self, size, offset=0):
        self.size, self.offset = size, offset

    def assign(self, ts):
        start = ts - (ts - self.offset) % self.size
        return [cut(start, start + self.size)]


class Sliding:
    """Every start that is a multiple of the period (plus the offset) and whose window holds ts."""

    merging = False

    def __init__(self, size, period, offset=0):
        self.size, self.period, self.offset = size, period, offset

    def assign(self, ts):
        start = ts - (ts - self.offset) % self.period
        found = []
        while start > ts - self.size:
            found.append(cut(start, start + self.size))
            start -= self.period
        return found


class Sessions:
    """An element's own window is [ts, ts + gap); those that overlap become one."""

    merging = True

    def __init__(self, gap):
        self.gap = gap

    def assign(self, ts):
        return [cut(ts, ts + self.gap)]

    def merge(self, windows):
        """[(result, members)]: half-open overlap only; windows that touch stay apart."""
        groups = []
        for w in sorted(set(windows)):
            if groups and w.start < groups[-1][0].end:
                result, members = groups[-1]
                groups[-1] = (Window(result.start, max(result.end, w.end)), members + [w])
            else:
                groups.append((w, [w]))
        return groups
