"""The process that a `Pool` starts: ``python -m dhmodel.sweep.worker DESCRIPTOR``. Imports no simulator."""

import sys
from contextlib import suppress
from multiprocessing.connection import Connection

from dhmodel.sweep.executors import serve

if __name__ == "__main__":
    # interrupted, or the parent is gone: nothing to say and nobody to say it to
    with suppress(KeyboardInterrupt, BrokenPipeError, ConnectionResetError):
        serve(Connection(int(sys.argv[1])))
