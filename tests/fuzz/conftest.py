"""
Whatever is typed or handed in gives a result or one line, never a traceback, a hang or a silent NaN.

``pytest tests/fuzz`` tries the same few thousand inputs everywhere; ``make fuzz`` tries others, FUZZ times as
many, each time.
"""

import sys
from pathlib import Path

# tests import the strategies by name, and the stand-ins for simulations that the tests of the store use
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "store")]
