"""Triggers as state machines: each node keeps its state by window in a dictionary (Trigger state machines)."""
# SPDX-License-Identifier: Apache-2.0


class Now:
    """What a trigger may see: processing time, the watermark against this window, whether windows merge."""

    def __init__(self, time, passed, merging):
        self.time, self.passed, self.merging = time, passed, merging


class Trigger:
    """A node. State is a dictionary by node: {"done": bool, ...}; a missing one is fresh."""

    parts = ()

    def of(self, state):
        return state.setdefault(self, {"done": False})

    def done(self, state):
        return self.of(state)["done"]

    def finish(self, state, done=True):
        self.of(state)["done"] = done

    def clear(self, state):
        """Forgets what was gathered for the pane, below too; what is finished stays so."""
        state[self] = {"done": self.done(state)}
        for p in self.parts:
            p.clear(state)

    def reset(self, state):
        """Forgets all, below too: as if no element had come."""
        state.pop(self, None)
        for p in self.parts:
            p.reset(state)

    def targets(self, state):
        """Moments of processing time at which this tree wants to be asked."""
        own = state.get(self, {}).get("target")
        return ([] if own is None else [own]) + [t for p in self.parts for t in p.targets(state)]

    def element(self, state, now):
        for p in self.parts:
            p.element(state, now)

    def merge(self, state, olds, now):
        """The state of a window that `olds` (states of live windows) became."""
        for p in self.parts:
            p.merge(state, olds, now)


class Default(Trigger):
    """Fires whenever it is asked after the window's end, so each late bundle fires; never finishes."""

    def ready(self, state, now):
        return now.passed

    def fire(self, state, now):
        pass


class Always(Trigger):
    """Fires whenever it is asked; never finishes."""

    def ready(self, state, now):
        return True

    def fire(self, state, now):
        pass


class Never(Trigger):
    """Does not fire; the last pane comes when the window is thrown away."""

    def ready(self, state, now):
        return False

    def fire(self, state, now):
        pass


class AfterSynchronizedProcessingTime(Trigger):
    """At the runner's discretion: at once."""

    def ready(self, state, now):
        return True

    def fire(self, state, now):
        self.finish(state)

    def merge(self, state, olds, now):
        self.finish(state, any(self.done(o) for o in olds))


class AfterCount(Trigger):
    """Counts the elements of the pane; ready from n on; firing clears the count and finishes."""

    def __init__(self, n):
        self.n = n

    def element(self, state, now):
        own = self.of(state)
        own["count"] = own.get("count", 0) + 1

    def ready(self, state, now):
        return self.of(state).get("count", 0) >= self.n

    def fire(self, state, now):
        self.clear(state)
        self.finish(state)

    def merge(self, state, olds, now):
        """Counts add up; finished in any of the windows is finished."""
        if any(self.done(o) for o in olds):
            state[self] = {"done": True}
        else:
            state[self] = {"done": False, "count": sum(self.of(o).get("count", 0) for o in olds)}


class AfterProcessingTime(Trigger):
    """The pane's first element sets the target; ready strictly after it; firing finishes."""

    def __init__(self, delay, period=0, offset=0):
        self.delay, self.period, self.offset = delay, period, offset

    def element(self, state, now):
        if self.of(state).get("target") is None:
            target = now.time + self.delay
            if self.period:
                target += (self.offset - target) % self.period  # up to the next multiple
            self.of(state)["target"] = target

    def ready(self, state, now):
        target = self.of(state).get("target")
        return target is not None and now.time > target

    def fire(self, state, now):
        self.clear(state)
        self.finish(state)

    def merge(self, state, olds, now):
        """The earliest target; finished in any of the windows is finished."""
        if any(self.done(o) for o in olds):
            state[self] = {"done": True}
        else:
            targets = [t for t in (self.of(o).get("target") for o in olds) if t is not None]
            state[self] = {"done": False, "target": min(targets, default=None)}


class AfterWatermark(Trigger):
    """The end of the window once; before it `early` and after it `late`, both repeated by themselves."""

    def __init__(self, early=None, late=None):
        self.early, self.late = early or Never(), late
        self.parts = [self.early] + ([late] if late else [])

    def ended(self, state):
        return self.early.done(state)  # the early part's bit tells that the on-time firing was

    def element(self, state, now):
        """Where windows merge both see every element: a merge may bring back the time before the end."""
        if now.merging or not self.ended(state):
            self.early.element(state, now)
        if self.late and (now.merging or self.ended(state)):
            self.late.element(state, now)

    def ready(self, state, now):
        if not self.ended(state):
            return now.passed or self.early.ready(state, now)
        return bool(self.late) and self.late.ready(state, now)

    def fire(self, state, now):
        if self.ended(state):
            self.repeat(self.late, state, now)
        elif not now.passed:
            self.repeat(self.early, state, now)
        else:  # on time, also when the early part is ready
            self.early.reset(state)
            self.early.finish(state)
            if self.late:
                self.late.reset(state)
            else:
                self.finish(state)

    @staticmethod
    def repeat(part, state, now):
        part.fire(state, now)
        if part.done(state):
            part.reset(state)

    def merge(self, state, olds, now):
        """Early again if it was so in any window, or if the new end is still to come; else it stays late."""
        if now.passed and all(self.ended(o) for o in olds):
            self.early.reset(state)
            self.early.finish(state)
            if self.late:
                self.late.merge(state, olds, now)
            self.finish(state, not self.late)
        else:
            self.early.merge(state, olds, now)
            self.early.finish(state, False)
            if self.late:
                self.late.reset(state)
            self.finish(state, False)


class Repeatedly(Trigger):
    """Fires when its part does; a part that has finished starts anew; never finishes."""

    def __init__(self, part):
        self.parts = [part]

    def ready(self, state, now):
        return self.parts[0].ready(state, now)

    def fire(self, state, now):
        self.parts[0].fire(state, now)
        if self.parts[0].done(state):
            self.parts[0].reset(state)


class OrFinally(Trigger):
    """Its main part until the last one is ready, which then fires and ends it; done when either is."""

    def __init__(self, main, last):
        self.parts = [main, last]

    def ready(self, state, now):
        return any(p.ready(state, now) for p in self.parts)

    def fire(self, state, now):
        main, last = self.parts
        if last.ready(state, now):
            last.fire(state, now)
            main.clear(state)
            self.finish(state)
        else:
            main.fire(state, now)
            self.finish(state, main.done(state) or last.done(state))

    def merge(self, state, olds, now):
        super().merge(state, olds, now)
        self.finish(state, any(p.done(state) for p in self.parts))


class AfterAny(Trigger):
    """Ready when any part is ready or finished; the ready ones fire, the others are cleared; then done."""

    def __init__(self, *parts):
        self.parts = parts

    def ready(self, state, now):
        return any(p.done(state) or p.ready(state, now) for p in self.parts)

    def fire(self, state, now):
        for p in self.parts:
            if not p.done(state) and p.ready(state, now):
                p.fire(state, now)
            else:
                p.clear(state)
        self.finish(state)

    def merge(self, state, olds, now):
        super().merge(state, olds, now)
        self.finish(state, any(p.done(state) for p in self.parts))


class AfterAll(Trigger):
    """Ready when all unfinished parts are; all fire; done when all are."""

    def __init__(self, *parts):
        self.parts = parts

    def ready(self, state, now):
        return all(p.done(state) or p.ready(state, now) for p in self.parts)

    def fire(self, state, now):
        for p in self.parts:
            if not p.done(state):
                p.fire(state, now)
        self.finish(state, all(p.done(state) for p in self.parts))

    def merge(self, state, olds, now):
        super().merge(state, olds, now)
        self.finish(state, all(p.done(state) for p in self.parts))


class AfterEach(Trigger):
    """Its parts one after the other; done after the last."""

    def __init__(self, *parts):
        self.parts = parts

    def current(self, state):
        return next((p for p in self.parts if not p.done(state)), None)

    def element(self, state, now):
        """Where windows merge all parts run beside each other."""
        for p in self.parts if now.merging else [self.current(state)]:
            if p:
                p.element(state, now)

    def ready(self, state, now):
        current = self.current(state)
        return current is not None and current.ready(state, now)

    def fire(self, state, now):
        self.current(state).fire(state, now)
        if now.merging:  # those that ran beside it begin a pane, too
            for p in self.parts:
                p.clear(state)
        self.finish(state, self.current(state) is None)

    def merge(self, state, olds, now):
        """Parts behind the first unfinished one have not started."""
        running = True
        for p in self.parts:
            if running:
                p.merge(state, olds, now)
                running = p.done(state)
            else:
                p.clear(state)
        self.finish(state, self.current(state) is None)
