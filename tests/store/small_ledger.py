"""A small ledger of fakes; run with FINDINGS OUT WORKERS, a process of its own that can be disturbed."""

import signal
import sys
from pathlib import Path

import ledger_fakes

from dhmodel.evidence.judging import validation
from dhmodel.evidence.ledger import load
from dhmodel.evidence.running import units
from dhmodel.evidence.validate import outcomes

ENTRY = """
[{id}]
area = "scs/tonic"
statement = "faster trains drive cells faster"
citation = "nobody 2000"
read = "convention"
use = "{use}"
published = "about 10 Hz more"
published_value = 10
criteria = [{{ value = "difference", min = 5, max = {max}, about = "WDR firing, Hz" }}]

[{id}.protocol]
every = {{ duration = "1 s", set = {{ "circuit.scale" = 0.25 }} }}

[{id}.protocol.runs]
slow = {{ paradigm = "tonic", stimulus = "{stimulus}", set = {{ "tonic.frequency" = "10 Hz" }} }}
fast = {{ paradigm = "tonic", stimulus = "{stimulus}", set = {{ "tonic.frequency" = "20 Hz" }} }}

[{id}.numbers]
difference = "{number}"
"""

UNITS = 12


def write(folder: Path, **changes) -> Path:
    """Three findings: two that share their runs, and one of its own; `changes` are of the first."""
    given = {"id": "first", "use": "physiology", "max": 15, "stimulus": "spontaneous"}
    given |= {"number": "rate(fast, 'WDR') - rate(slow, 'WDR')"}
    entries = [given | changes, given | {"id": "second"}, given | {"id": "third", "stimulus": "brush"}]
    folder.mkdir(parents=True, exist_ok=True)
    text = "".join(ENTRY.format(**one) for one in entries)
    (folder / "x.toml").write_text(
        text.replace('read = "conv', 'ablation = "a smaller circuit"\nread = "conv')
    )
    load.cache_clear()
    return folder


def use(folder: Path) -> None:
    """Let the ledger be what stands in a folder, and run fakes."""
    validation.findings = lambda: load(folder)
    units.compute, units.prepare = ledger_fakes.compute, lambda plan: None


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job inherits an ignored SIGINT
    findings, out, workers = sys.argv[1:]
    use(Path(findings))
    outcomes(out=out, workers=int(workers), seeds=3, progress=False)
