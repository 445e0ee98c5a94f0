"""Tasks: when one of the application's own tasks raises a non-Exception, end the application."""

import io
import sys

import asyncio

_STEPS = "in run_until_complete"  # of asyncio; the next frame in a traceback is the task's


def ended(app, error):
    """Whether error came from one of the application's own tasks; if so, end the application.

    asyncio's loop lets through what is not an Exception, such as SystemExit, but it may be run
    again afterwards. Returns False for a person's Ctrl-C.
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
    # The coroutine has ended. Queue the task once more: asyncio then notices that, and wakes the
    # tasks that await it.
    core._task_queue.push(core.cur_task)
    if app.task and not app.raised:
        app.raised = error
        app.task.cancel()
    else:  # its run() has already ended
        context = {"exception": error, "future": core.cur_task}
        asyncio.get_event_loop().call_exception_handler(context)
    return True


def _file(error):
    """Return the file of the coroutine that raised error, "" if the traceback doesn't say."""
    out = io.StringIO()
    sys.print_exception(error, out)
    frames = out.getvalue().rpartition(_STEPS)[2].split('"')
    return frames[1] if len(frames) > 1 else ""


def _has(app, path):
    """Whether a file belongs to the application, or to a module that it imported."""
    path = path.rpartition(".")[0]
    for name in [app.module] + list(app.loaded):
        name = name.replace(".", "/")
        if path.endswith((name, name + "/__init__")) and not name.startswith(("services", "hal")):
            return True
    return False
