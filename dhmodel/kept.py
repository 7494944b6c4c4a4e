"""Results of pure functions, kept for whoever asks again: the draws that all points of a sweep share.

What is kept is a function of hashable arguments alone and read-only, so that no run can see another. It is
bounded by its size, not by a number: of a large circuit one connectome is kept, of the standard one those of
a hundred replicates.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import wraps
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["BYTES", "frozen", "kept"]

#: What the results of one function may take together, bytes; the latest one stays whatever it takes.
BYTES = 64_000_000

#: What keeping a result takes beside its arrays, bytes, about: many small ones are not for nothing.
BESIDE = 1000

type Arrays = NDArray[Any] | tuple[NDArray[Any], ...]


def frozen[Kind: np.generic](array: NDArray[Kind]) -> NDArray[Kind]:
    """Make an array read-only, and return it."""
    array.flags.writeable = False
    return array


def kept[**Arguments, Result: Arrays](
    function: Callable[Arguments, Result], limit: int = BYTES
) -> Callable[Arguments, Result]:
    """
    Keep the latest results of a pure function.

    Parameters
    ----------
    function : callable
        Of hashable arguments; returns a read-only array, or a tuple of them.
    limit : int
        What they may take together, bytes.
    """
    results: OrderedDict[Hashable, Result] = OrderedDict()
    lock, taken = Lock(), 0

    @wraps(function)
    def remembering(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        nonlocal taken
        key = (args, *kwargs.items())
        with lock:
            if key in results:
                results.move_to_end(key)
                return results[key]
        made = function(*args, **kwargs)
        with lock:
            if key not in results:  # another thread may have been faster
                taken += _size(made)
            results[key] = made
            while taken > limit and len(results) > 1:
                taken -= _size(results.popitem(last=False)[1])
        return made

    return remembering


def _size(result: Arrays) -> int:
    arrays = result if isinstance(result, tuple) else (result,)
    return BESIDE + sum(array.nbytes for array in arrays)
