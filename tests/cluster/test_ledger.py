"""A validation on a cluster: the same numbers, bit for bit, for runs and for timetables."""

import numpy as np
import pytest

from dhmodel import native
from dhmodel.cli import main
from dhmodel.evidence.judging import validation
from dhmodel.evidence.ledger import load
from dhmodel.evidence.validate import outcomes

LEDGER = """
[both]
area = "scs/tonic"
statement = "a run and a timetable"
citation = "nobody 2000"
read = "convention"
use = "physiology"
ablation = "a smaller circuit"
criteria = [
    { value = "rate", min = 0, about = "WDR firing, Hz" },
    { value = "later", min = 0, about = "WDR firing after half an hour, Hz" },
]

[both.protocol]
every = { duration = "0.3 s", warmup = "0.1 s", set = { "circuit.scale" = 0.25 } }
runs = { plain = { paradigm = "tonic" } }

[both.protocol.timetables.on]
duration = "30 min"
epoch = "0.5 s"
settle = "0.1 s"
warmup = "0.1 s"
tolerance = 0.2
set = { "circuit.scale" = 0.25 }
entries = [{ name = "scs", duration = "30 min", paradigm = "tonic" }]
tests = [{ name = "pinch", stimulus = "pinch", at = "30 min", duration = "0.3 s" }]

[both.numbers]
rate = "rate(plain, 'WDR')"
later = "tested(on, 'WDR', 'pinch', '30 min')"
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "findings").mkdir()
    (tmp_path / "findings" / "x.toml").write_text(LEDGER)
    (tmp_path / "cluster.toml").write_text('kind = "local"\nworkers = 1\n')
    monkeypatch.setattr(validation, "findings", lambda: load(tmp_path / "findings"))
    return tmp_path


@pytest.mark.skipif(native.compiler() is None, reason="no C++ compiler to build what is shipped")
def test_a_validation_on_a_cluster_is_that_of_this_machine(folder):
    here = outcomes(out=folder / "here", seeds=1, progress=False)["both"].verdict
    there = outcomes(out=folder / "there", seeds=1, progress=False, cluster=folder / "cluster.toml")
    assert here.status == "passes" and here.answer["later"] > 0
    for name, values in here.answer.items():
        np.testing.assert_array_equal(there["both"].verdict.answer[name], values)


@pytest.mark.parametrize(
    "words, says",
    [
        (("--cluster", "{}/cluster.toml", "--workers", "2"), "--workers: of no effect with --cluster"),
        (("--cluster", "{}/none.toml"), "none.toml: "),
    ],
)
def test_what_is_wrong_about_a_cluster_is_one_line(folder, capsys, monkeypatch, words, says):
    given = [word.format(folder) for word in words]
    monkeypatch.setattr("sys.argv", ["dhmodel", "validate", "--out", str(folder / "out"), *given])
    with pytest.raises(SystemExit) as stop:
        main()
    said = capsys.readouterr().err
    assert stop.value.code == 2 and says in said and said.count("\n") == 1
