"""Tasks: where one of the application's own raises what is no Exception, the application ends."""

import io
import sys

import asyncio

_STEPS = "in run_until_complete"  # of asyncio; what comes next in a traceback is the task's


def ended(app, error):
    """Whether error came from a task of the application's own; the application then ends by it.

    asyncio lets through what is no Exception, whoever raised it, and its loop may run again. False
    also for a person's Ctrl-C.
    """
    if not _has(app, _file(error)):
        return False
    if isinstance(error, KeyboardInterrupt):
        try:
            app.told_to_stop(error)
        except RuntimeError as own:
            error = own
        except KeyboardInterrupt:
            return False
    core = asyncio.core
    # What it ran has ended; asyncio finds that in its next step, and wakes who waits for it.
    core._task_queue.push(core.cur_task)
    if app.task and not app.raised:
        app.raised = error
        app.task.cancel()
    else:  # its run() has ended before
        context = {"exception": error, "future": core.cur_task}
        asyncio.get_event_loop().call_exception_handler(context)
    return True


def _file(error):
    """The file of the coroutine whose step raised error; "" where the traceback tells none."""
    out = io.StringIO()
    sys.print_exception(error, out)
    frames = out.getvalue().rpartition(_STEPS)[2].split('"')
    return frames[1] if len(frames) > 1 else ""


def _has(app, path):
    """Whether a file is the application's, or of what its module has imported."""
    path = path.rpartition(".")[0]
    for name in [app.module] + list(app.loaded):
        name = name.replace(".", "/")
        if path.endswith((name, name + "/__init__")) and not name.startswith(("services", "hal")):
            return True
    return False
