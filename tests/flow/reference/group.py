"""GroupByKey: elements in bundles, the watermark and processing time in; panes out (Emission, accumulation)."""
# SPDX-License-Identifier: Apache-2.0
from collections import namedtuple

from triggers import Now
from windows import GLOBAL_MAX, TIME_MIN, last_moment

Pane = namedtuple("Pane", "key window values timestamp first last timing index on_time_index")


class Strategy:
    def __init__(self, window, trigger, accumulating=False, lateness=0, combiner="end", closing_always=False, on_time_always=True):
        self.window, self.trigger, self.accumulating, self.lateness = window, trigger, accumulating, lateness
        self.combiner, self.closing_always, self.on_time_always = combiner, closing_always, on_time_always


class Cell:
    """What is kept for a key and window that is live."""

    def __init__(self):
        self.values = []  # of the pane, or of all panes so far
        self.fresh = 0  # elements since the last firing
        self.state = {}  # of the trigger
        self.hold = None  # of the pane's elements that were not late
        self.extra = None  # until the window is thrown away


class Group:
    def __init__(self, strategy):
        self.s = strategy
        self.cells = {}  # (key, window): Cell
        self.closed = set()  # (key, window) whose trigger has finished
        self.panes = {}  # (key, window): (index, index among those not early, timing) of the last one
        self.input, self.output, self.time = TIME_MIN, TIME_MIN, 0
        self.out = []
        self.late = self.shut = 0  # elements dropped, once a window: expired, or closed

    # --- Times of a window ---
    def gone(self, window):
        """Emission, lateness, GC: a window is needed until its end and the lateness, within the global one."""
        return min(last_moment(window) + self.s.lateness, GLOBAL_MAX)

    def now(self, window):
        return Now(self.time, self.input > last_moment(window), self.s.window.merging)

    # --- Input ---
    def bundle(self, elements):
        """Trigger state machines, last rule: asked once for each window touched, after all of [(key, value, timestamp)]."""
        touched = set()
        pieces = [(k, v, ts, w) for k, v, ts in elements for w in self.s.window.assign(ts)]
        if self.s.window.merging:
            pieces = self.merged(pieces)
        for key, value, ts, window in pieces:
            if self.input > self.gone(window):
                self.late += 1  # where windows merge, judged after merging
                continue
            if (key, window) in self.closed:
                self.shut += 1
                continue
            self.add(key, value, ts, window)
            touched.add((key, window))
        for key, window in sorted(touched):
            self.ask(key, window)
        return self.committed()

    def watermark(self, to):
        """Timers fire before the output watermark moves: a timer holds it. What a window does depends on its state."""
        before, self.input = self.input, max(self.input, to)
        for key, window in sorted(self.cells):
            if self.input > self.gone(window):
                self.emit(key, window, last=True)  # the last pane, whatever the trigger says
                del self.cells[key, window]
            elif before <= last_moment(window) < self.input:
                self.ask(key, window)
        for known in (self.closed, self.panes):
            for k in [k for k in known if self.input > self.gone(k[1])]:
                known.remove(k) if known is self.closed else known.pop(k)
        return self.committed()

    def processing(self, to):
        before, self.time = self.time, max(self.time, to)
        for key, window in sorted(self.cells):
            if any(before <= t < self.time for t in self.s.trigger.targets(self.cells[key, window].state)):
                self.ask(key, window)
        return self.committed()

    def committed(self):
        """Watermarks: the output's follows the input's up to the earliest hold, and never goes back."""
        holds = [h for c in self.cells.values() for h in (c.hold, c.extra) if h is not None]
        self.output = max(self.output, min([self.input] + holds))
        out, self.out = self.out, []
        return out

    # --- Merging ---
    def merged(self, pieces):
        """Windows: merging is for each key alone, of its live windows and the new ones."""
        for key in {p[0] for p in pieces}:
            live = [w for k, w in self.cells if k == key]
            new = [p[3] for p in pieces if p[0] == key]
            for result, members in self.s.window.merge(live + new):
                if len(members) > 1:
                    self.merge(key, result, [w for w in members if w in live])
                    pieces = [(k, v, ts, result) if k == key and w in members else (k, v, ts, w) for k, v, ts, w in pieces]
        return pieces

    def merge(self, key, result, olds):
        """Windows, on merge: values, holds, what is fresh and the trigger merge; panes of windows merged away are forgotten."""
        if self.input > self.gone(result):
            return  # all expired: its elements are about to be dropped
        cells = [self.cells.pop((key, w)) for w in olds]
        self.closed.discard((key, result))
        for w in olds:  # the result keeps the pane of its own name alone
            if w != result:
                self.panes.pop((key, w), None)
        if result not in olds:
            self.panes.pop((key, result), None)
        if not cells:
            return
        cell = self.cells[key, result] = Cell()
        cell.values = [v for c in cells for v in c.values]
        cell.fresh = sum(c.fresh for c in cells)
        holds = [c.hold for c in cells if c.hold is not None]
        if holds:
            cell.hold = {"end": last_moment(result), "earliest": min(holds), "latest": max(holds)}[self.s.combiner]
        if any(c.extra is not None for c in cells):
            cell.extra = self.gone(result)
        self.s.trigger.merge(cell.state, [c.state for c in cells], self.now(result))

    # --- Elements ---
    def add(self, key, value, ts, window):
        """Timestamp combiner and hold: over elements that are not late; a late one holds until the window is thrown away."""
        cell = self.cells.setdefault((key, window), Cell())
        cell.values.append(value)
        cell.fresh += 1
        hold = last_moment(window) if self.s.combiner == "end" else ts
        if hold < self.output or last_moment(window) < self.input:  # late: it cannot hold at its own time
            if self.gone(window) >= self.input:
                cell.extra = self.gone(window)
        elif cell.hold is None:
            cell.hold = hold
        else:
            cell.hold = min(cell.hold, hold) if self.s.combiner == "earliest" else max(cell.hold, hold)
        self.s.trigger.element(cell.state, self.now(window))

    # --- Firing ---
    def ask(self, key, window):
        """Trigger state machines: a root that is finished closes the window; discarding forgets what was shown."""
        cell, trigger = self.cells[key, window], self.s.trigger
        if not trigger.ready(cell.state, self.now(window)):
            return
        trigger.fire(cell.state, self.now(window))
        done = trigger.done(cell.state)
        self.emit(key, window, done)
        cell.fresh = 0
        if done:  # closed: what comes later is dropped until the window is gone
            del self.cells[key, window]
            self.closed.add((key, window))
        elif not self.s.accumulating:
            cell.values = []

    def emit(self, key, window, last):
        """PaneInfo: EARLY* ON_TIME? LATE*. Emission: not empty, or on time, or closing where those fire always."""
        cell, end = self.cells[key, window], last_moment(window)
        before = self.panes.get((key, window))
        if end < self.output or (before and before[2] != "early"):
            timing = "late"
        elif self.input <= end:
            timing = "early"
        else:
            timing = "on-time"
        index = before[0] + 1 if before else 0
        count = -1 if timing == "early" else before[1] + 1 if before else 0
        holds = [h for h in (cell.hold, cell.extra) if h is not None]
        timestamp = min(holds + [end])
        cell.hold = cell.extra = None
        if not last and self.s.closing_always and self.gone(window) >= self.input:
            cell.extra = self.gone(window)
        if cell.fresh or (timing == "on-time" and self.s.on_time_always) or (last and self.s.closing_always):
            self.panes[key, window] = (index, count, timing)
            self.out.append(Pane(key, window, list(cell.values), timestamp, before is None, last, timing, index, count))
