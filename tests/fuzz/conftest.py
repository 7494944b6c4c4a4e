"""
Whatever is typed or handed in gives a result or one line, never a traceback, a hang or a silent NaN.

``pytest tests/fuzz`` tries the same few thousand inputs everywhere; ``make fuzz`` tries others, FUZZ times as
many, each time.
"""

import sys
from pathlib import Path

# tests import the strategies by name
sys.path.insert(0, str(Path(__file__).parent))
