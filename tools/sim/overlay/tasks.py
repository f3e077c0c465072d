"""Runs inside MicroPython: the task queue and task that `asyncio.core` asks for, on the overlaid clock.

The built-in ones read the host's clock for "now". Written from what asyncio.core, funcs and event expect: a task's
`state` is True while it runs unawaited, a TaskQueue of its waiters, or a callable; None when it ended unawaited, False
when it ended and was awaited. `data` is the queue or task it waits on, or the exception it ended with.
Tasks that are due at the same time run in the order in which they were queued.
"""

# ruff: noqa: D101, D103, RET503 (the names and their meaning are MicroPython's)

from time import ticks_diff, ticks_ms


class TaskQueue:
    def __init__(self):
        self._tasks = []

    def peek(self):
        return self._tasks[0] if self._tasks else None

    def push(self, task, key=None):
        task.data = None
        task.ph_key = key = ticks_ms() if key is None else key
        tasks = self._tasks
        at = len(tasks)
        while at and ticks_diff(key, tasks[at - 1].ph_key) < 0:
            at -= 1
        tasks.insert(at, task)

    def pop(self):
        return self._tasks.pop(0)

    def remove(self, task):
        self._tasks.remove(task)


class Task:
    def __init__(self, coro, context=None):
        self.coro = coro
        self.data = None
        self.state = True
        self.ph_key = 0
        if context is not None:
            Task.context = context

    def done(self):
        return self.state is None or self.state is False

    def __iter__(self):
        if self.done():
            self.state = False
        elif self.state is True:
            self.state = TaskQueue()
        elif not isinstance(self.state, TaskQueue):
            raise RuntimeError("can't wait")
        return self

    def __next__(self):
        if self.done():
            raise self.data
        waiter = self.context["cur_task"]
        self.state.push(waiter)
        waiter.data = self  # after push, which clears it

    def cancel(self):
        if self.done():
            return False
        if self is self.context["cur_task"]:
            raise RuntimeError("can't cancel self")
        task = self
        while isinstance(task.data, Task):
            task = task.data
        run_queue = self.context["_task_queue"]
        if hasattr(task.data, "remove"):
            task.data.remove(task)
            run_queue.push(task)
        elif ticks_diff(task.ph_key, ticks_ms()) > 0:
            run_queue.remove(task)
            run_queue.push(task)
        task.data = self.context["CancelledError"]
        return True
