"""Validations that are interrupted, killed or changed: nothing finished is lost, nothing is run twice."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import ledger_fakes
import numpy as np
import pytest
import small_ledger

from dhmodel import code
from dhmodel.errors import StoreError
from dhmodel.evidence.judging import validation
from dhmodel.evidence.running import units
from dhmodel.evidence.running.kept import Kept
from dhmodel.evidence.running.work import Question, compute, identity, packed, seconds, unpacked
from dhmodel.evidence.validate import outcomes
from dhmodel.simulate import plan

HERE = Path(__file__).parent


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A small ledger of fakes in place of the package's, and where it lies."""
    for module, name in ((validation, "findings"), (units, "compute"), (units, "prepare")):
        monkeypatch.setattr(module, name, getattr(module, name))  # to be put back
    small_ledger.use(tmp_path / "findings")
    return small_ledger.write(tmp_path / "findings")


def ask(tmp_path, seeds=3, **changes):
    """Outcomes by id; without the report, which is tested elsewhere."""
    return outcomes(out=tmp_path / "out", seeds=seeds, progress=False, **changes)


def verdicts(found):
    return [one.verdict.status for one in found.values()]


def mean(found, name="first"):
    return found[name].verdict.numbers["difference"][0]


def start(tmp_path: Path, workers: int, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(HERE / "small_ledger.py")]
    command += [str(tmp_path / "findings"), str(tmp_path / "out"), str(workers)]
    # a session of its own, as a terminal would give it: an interrupt must not reach the process that tests
    return subprocess.Popen(
        command, env=os.environ | environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def wait_for(number: int) -> None:
    deadline = time.monotonic() + 60
    while len(ledger_fakes.runs()) < number:
        assert time.monotonic() < deadline, f"only {len(ledger_fakes.runs())} units started"
        time.sleep(0.02)


def kept(tmp_path: Path) -> int:
    return len(list((tmp_path / "out" / "runs").glob("*.npz")))


def test_findings_share_their_runs(tmp_path, folder):
    found = ask(tmp_path)
    assert len(ledger_fakes.runs()) == small_ledger.UNITS  # two stimuli, two rates, three replicates
    assert verdicts(found) == ["passes"] * 3
    assert [mean(found, name) for name in found] == pytest.approx([10, 10, 10], abs=1)
    assert [one.seconds for one in found.values()] == [12, 12, 12]


def test_the_same_call_again_runs_nothing(tmp_path, folder):
    first = ask(tmp_path)
    again = ask(tmp_path)
    assert len(ledger_fakes.runs()) == small_ledger.UNITS
    assert [one.verdict.line() for one in again.values()] == [one.verdict.line() for one in first.values()]


def test_a_changed_criterion_or_number_is_judged_anew_without_running(tmp_path, folder):
    ask(tmp_path)
    small_ledger.write(folder, max=8)
    assert verdicts(ask(tmp_path)) == ["fails", "passes", "passes"]
    small_ledger.write(folder, number="rate(fast, 'PN') / rate(slow, 'PN') + 8")
    assert mean(ask(tmp_path)) == pytest.approx(9.8, abs=0.3)
    assert len(ledger_fakes.runs()) == small_ledger.UNITS


def test_another_code_runs_all_again(tmp_path, folder, monkeypatch):
    ask(tmp_path)
    monkeypatch.setattr(code, "digest", lambda parts: "0" * 16)
    ask(tmp_path)
    assert len(ledger_fakes.runs()) == 2 * small_ledger.UNITS


def test_more_seeds_run_only_the_new_replicates(tmp_path, folder):
    ask(tmp_path)
    assert ask(tmp_path, seeds=4)["first"].verdict.answer["difference"].shape == (4,)
    assert len(ledger_fakes.runs()) == small_ledger.UNITS + 4


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_says_what_is_kept_and_the_next_start_does_the_rest(tmp_path, folder, workers):
    process = start(tmp_path, workers, SECONDS="0.2")
    wait_for(5)
    os.killpg(process.pid, signal.SIGINT)  # as the terminal does
    message = process.communicate(timeout=30)[1]
    assert process.returncode != 0
    finished, started = kept(tmp_path), len(ledger_fakes.runs())
    assert 1 <= finished <= started < small_ledger.UNITS
    assert (
        f"{finished} of {small_ledger.UNITS} runs are done and kept in {tmp_path / 'out' / 'runs'}" in message
    )
    ask(tmp_path)
    assert len(ledger_fakes.runs()) == started + small_ledger.UNITS - finished


def test_a_killed_validation_loses_nothing_finished(tmp_path, folder):
    process = start(tmp_path, 2, SECONDS="0.2")
    wait_for(6)
    process.kill()
    process.wait()
    time.sleep(0.5)  # the workers notice
    finished, started = kept(tmp_path), len(ledger_fakes.runs())
    assert 3 <= finished < small_ledger.UNITS
    assert verdicts(ask(tmp_path)) == ["passes"] * 3
    assert len(ledger_fakes.runs()) == started + small_ledger.UNITS - finished


def test_a_killed_worker_costs_its_unit_one_attempt(tmp_path, folder):
    (tmp_path / "die").touch()
    process = start(tmp_path, 2, DIE=str(tmp_path / "die"))
    assert process.wait(60) == 0
    assert kept(tmp_path) == small_ledger.UNITS
    assert len(ledger_fakes.runs()) == small_ledger.UNITS + 1


def test_a_run_that_fails_is_told_in_the_verdicts_that_need_it(tmp_path, folder, monkeypatch):
    monkeypatch.setenv("BREAK", "brush 1")
    found = ask(tmp_path)
    assert verdicts(found) == ["passes", "passes", "fails"]
    assert found["third"].verdict.note == "2 of 6 runs failed: ValueError: broken on purpose"
    monkeypatch.delenv("BREAK")
    assert verdicts(ask(tmp_path)) == ["passes"] * 3


def test_a_full_disk_or_a_file_in_the_way_is_one_line(tmp_path, folder):
    (tmp_path / "out").write_text("in the way")
    with pytest.raises(StoreError, match="out/runs/.*: cannot write: .*; 0 of 12 runs are done"):
        ask(tmp_path)


def test_a_damaged_file_is_named(tmp_path, folder):
    ask(tmp_path)
    file = next((tmp_path / "out" / "runs").glob("*.npz"))
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(StoreError, match=f"{file.name}: damaged .*delete it and start again"):
        ask(tmp_path)


def test_draws_keep_numbers_and_no_runs_and_resume(tmp_path, folder):
    found = ask(tmp_path, robustness=2)
    assert [one.draws for one in found.values()] == [2, 2, 2]
    # the protocols state the rate that the fakes go by, so no draw changes the verdict
    assert [one.share for one in found.values()] == [1, 1, 1]
    done = len(ledger_fakes.runs())
    assert done == small_ledger.UNITS + 2 * 4
    assert not list((tmp_path / "out" / "robustness" / "drawn").glob("*"))
    again = ask(tmp_path, robustness=3)
    assert len(ledger_fakes.runs()) == done + 4 and again["first"].draws == 3
    small_ledger.write(folder, max=8)
    assert ask(tmp_path)["first"].share == 0


def test_a_recording_is_what_it_was_packed_from(tmp_path):
    one = ledger_fakes.recording(plan(stimulus="windup", duration="2 s"), 1)
    keep = Kept(tmp_path)
    keep.save("x", packed(one))
    back = unpacked(keep.load("x"))
    order = np.argsort(one.times, kind="stable")
    assert back.times == pytest.approx(one.times[order], abs=1e-6)
    assert np.array_equal(back.neurons, one.neurons[order])
    assert back.sizes == one.sizes and back.duration == one.duration
    assert np.array_equal(back.shocks, one.shocks) and np.array_equal(back.pulses, one.pulses)
    assert back.delivered == one.delivered


def test_a_python_protocol_is_asked_of_defaults_or_of_a_draw():
    default, drawn = (Question("ecap_motor_ratio", 1, 7, draw) for draw in (None, 0))
    answers = [compute(question, 0) for question in (default, drawn, default)]
    assert answers[0]["lowest"] == answers[2]["lowest"] != answers[1]["lowest"]
    assert 0 < seconds(answers[0]) < 60
    assert identity(default, 0) != identity(drawn, 0)
