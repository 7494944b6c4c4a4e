"""Sweeps on Dask: the same results, and the same ends of what goes wrong, as in processes of one machine."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import fakes
import pytest
import small
from servers import certificates, servers
from test_faults import alive, same, start, wait_for

from dhmodel import code
from dhmodel.errors import EngineError, InputError
from dhmodel.sweep import cluster_start
from dhmodel.sweep.cluster import PER_WORKER, Dask
from dhmodel.sweep.cluster_file import read_cluster
from dhmodel.sweep.cluster_start import started
from dhmodel.sweep.executors import Task
from dhmodel.sweep.opening import open_dataset
from dhmodel.sweep.processes import Order
from dhmodel.sweep.runner import order

distributed = pytest.importorskip("distributed", reason="the extra cluster is not installed")
cluster_node = pytest.importorskip("dhmodel.sweep.cluster_node", reason="the extra cluster is not installed")
psutil = pytest.importorskip("psutil", reason="the extra cluster is not installed")  # comes with it

STORE = Path(fakes.__file__).parent


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A scheduler and two workers that the tests of this file share."""
    place = tmp_path_factory.mktemp("servers")
    with servers(place, RUNS=str(place / "runs.txt")) as found:
        yield found


@pytest.fixture(autouse=True)
def runs_of_the_cluster(cluster, runs_file, monkeypatch):
    """Its workers have their environment from their start: let the fakes note where those do."""
    noted = cluster.file.with_name("runs.txt")
    noted.unlink(missing_ok=True)
    monkeypatch.setenv("RUNS", str(noted))


def children(cluster) -> list[int]:
    """Worker processes of ours that are left below a cluster."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            session = file.with_name("stat").read_text().rpartition(")")[2].split()[3]
            if int(session) == cluster.workers.pid and b"dhmodel.sweep.worker" in file.read_bytes():
                found.append(int(file.parent.name))
    return found


def ended(cluster) -> bool:
    deadline = time.monotonic() + 20
    while children(cluster) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not children(cluster)


def test_a_sweep_on_dask_equals_one_in_this_process_and_leaves_no_process(cluster, tmp_path, undisturbed):
    small.sweep(tmp_path / "x.zarr", options={"cluster": cluster.file})
    assert same(tmp_path / "x.zarr", undisturbed)
    assert set(Counter(fakes.runs()).values()) == {1} and ended(cluster)


def test_few_tasks_are_in_flight(cluster):
    spec = small.spec(replicates=4)
    tasks = order(Task(point, replicate, spec.plans[point]) for point in range(12) for replicate in range(4))
    flying, most = 0, 0
    through_the_scheduler = read_cluster(cluster.file).model_copy(update={"direct": False})
    for event in Dask(fakes.measure, through_the_scheduler).run(tasks):
        flying += 1 if event.status == "running" else -1
        most = max(most, flying)
    assert flying == 0 and PER_WORKER <= most <= 2 * PER_WORKER


def test_a_killed_run_costs_one_attempt_and_is_tried_again(cluster, tmp_path, undisturbed, capsys):
    options = {"cluster": cluster.file}
    small.sweep(tmp_path / "x.zarr", fakes.measure_killed_once, options=options, progress=True)
    assert "replicate 1: worker process was killed by SIGKILL" in capsys.readouterr().err
    assert len(fakes.runs()) == small.UNITS + 1 and same(tmp_path / "x.zarr", undisturbed)


@pytest.mark.parametrize(
    "measure, limits, error",
    [
        (fakes.measure_stuck, {"time_limit": "5 s"}, "not done within the time limit of 5 s"),
        (fakes.measure_hungry, {"memory_limit": "2 GB"}, "needs more memory than there is within the memory"),
    ],
)
def test_a_run_that_goes_wrong_fails_in_one_line_and_the_others_finish(
    cluster, tmp_path, undisturbed, measure, limits, error
):
    path = tmp_path / "x.zarr"
    store = small.sweep(path, measure, options={"cluster": cluster.file, **limits})
    assert store.count("done") == small.UNITS - 1
    assert [told[: len(error)] for told in store.errors().values()] == [error]
    assert ended(cluster)
    again = small.sweep(path)
    assert again.count("done") == small.UNITS and same(path, undisturbed)


def test_closing_the_iterator_stops_all_work_and_the_cluster_stays(cluster):
    tasks = [Task(0, replicate, small.spec().plans[0]) for replicate in range(20)]
    events = Dask(fakes.measure_sleeping, read_cluster(cluster.file)).run(tasks)
    for _ in range(2 * PER_WORKER):
        next(events)
    wait_for(2)
    assert len(children(cluster)) == 2
    events.close()
    assert ended(cluster) and len(fakes.runs()) == 2
    assert cluster.scheduler.poll() is None and cluster.workers.poll() is None


def test_a_process_that_gets_no_task_ends_and_another_takes_its_place():
    relay = cluster_node.Relay(Order(fakes.measure), None, code.digest())
    relay.order = replace(relay.order, idle=0.2)
    relay.setup(None)
    task = Task(0, 0, small.spec().plans[0])
    assert relay.run(task).status == "done"
    (process,) = relay._idle
    assert process.process.wait(30) == 0
    assert relay.run(task).status == "done" and relay._idle[0] is not process
    relay._end()
    assert relay._idle[0].process.poll() is not None


def test_what_a_worker_cannot_import_is_an_error_in_one_line(cluster, monkeypatch):
    monkeypatch.setattr(fakes.measure, "__module__", "fakes_gone")
    monkeypatch.setitem(sys.modules, "fakes_gone", fakes)
    with pytest.raises(EngineError, match="fakes_gone") as error:
        small.sweep(None, options={"cluster": cluster.file})
    assert "\n" not in str(error.value)


def test_a_worker_with_other_code_is_refused(cluster, monkeypatch):
    monkeypatch.setattr(code, "digest", lambda parts=(): "another")
    with pytest.raises(EngineError, match="has another version of dhmodel's code"):
        small.sweep(None, options={"cluster": cluster.file})


# --- clusters that end ---


def test_a_killed_scheduler_ends_the_sweep_in_one_line_and_the_next_start_does_the_rest(
    tmp_path, runs_file, monkeypatch, undisturbed
):
    path = tmp_path / "x.zarr"
    monkeypatch.setenv("RUNS", str(runs_file))
    with servers(tmp_path, workers=1, SECONDS="0.1") as found:
        sweep = start(path, 1, "measure", f"cluster={found.file}")
        wait_for(5)
        found.scheduler.kill()
        told = sweep.communicate(timeout=60)[1]
        assert sweep.returncode != 0
    finished = int((open_dataset(path)["status"].values == 2).sum())
    last = told.splitlines()[-1]
    assert f"EngineError: the connection to the scheduler at {address(found.file)} is lost" in last
    assert f"{finished} of {small.UNITS} runs are done and kept in {path}; start the same command" in last
    assert 1 <= finished < small.UNITS
    before = len(fakes.runs())
    small.sweep(path)
    assert len(fakes.runs()) == before + small.UNITS - finished and same(path, undisturbed)


def address(file: Path) -> str:
    return read_cluster(file).address


def local(folder: Path, text: str = "") -> Path:
    file = folder / "local.toml"
    file.write_text(f'kind = "local"\nworkers = 1\n{text}')
    return file


def dask_workers(session: int) -> list[int]:
    """Processes of a session in which a Dask worker runs."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if int(file.with_name("stat").read_text().rpartition(")")[2].split()[3]) == session:
                found += [int(file.parent.name)] if b"spawn_main" in file.read_bytes() else []
    return found


def test_a_killed_dask_worker_is_replaced_and_a_killed_parent_leaves_nothing(
    tmp_path, runs_file, monkeypatch, undisturbed
):
    path = tmp_path / "x.zarr"
    monkeypatch.setenv("RUNS", str(runs_file))
    sweep = start(path, 1, "measure", f"cluster={local(tmp_path)}", SECONDS="0.2")
    wait_for(3)
    (worker,) = dask_workers(sweep.pid)
    os.kill(worker, signal.SIGKILL)
    killed = len(fakes.runs())
    wait_for(killed + 4)
    ((again, times),) = Counter(fakes.runs()).most_common(1)
    assert times == 2  # the run that was under way
    frequency, state, stimulus, replicate = again.split()
    sweep.kill()
    told = sweep.communicate()[1]
    unit = f"tonic.frequency={frequency} Hz, state={state}, stimulus={stimulus}, replicate {replicate}"
    assert f"{unit}: Dask worker tcp://127.0.0.1:" in told
    assert told.count("died; trying once more") == 1  # those that waited behind it are not to blame
    deadline = time.monotonic() + 60
    while alive(sweep.pid):
        assert time.monotonic() < deadline, f"left over: {alive(sweep.pid)}"
        time.sleep(0.1)
    finished, before = int((open_dataset(path)["status"].values == 2).sum()), len(fakes.runs())
    assert finished >= 4
    small.sweep(path)
    assert len(fakes.runs()) == before + small.UNITS - finished and same(path, undisturbed)


def test_ctrl_c_keeps_what_is_finished_and_leaves_no_process(tmp_path, runs_file, monkeypatch):
    path, script = tmp_path / "x.zarr", tmp_path / "script.py"
    monkeypatch.setenv("RUNS", str(runs_file))
    script.write_text(  # without a main guard, which a child of multiprocessing would need
        "import signal, sys; from pathlib import Path; import small\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "print('imported', flush=True)\n"
        "small.sweep(Path(sys.argv[1]), options={'cluster': sys.argv[2]})\n"
    )
    environment = os.environ | {"SECONDS": "0.2", "PYTHONPATH": os.pathsep.join([str(STORE), *sys.path])}
    command = [sys.executable, str(script), str(path), str(local(tmp_path))]
    sweep = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_for(4)
    os.killpg(sweep.pid, signal.SIGINT)
    out, told = sweep.communicate(timeout=60)
    finished = int((open_dataset(path)["status"].values == 2).sum())
    assert finished >= 2 and f"{finished} of {small.UNITS} runs are done and kept" in told.splitlines()[-1]
    assert sweep.returncode != 0 and not alive(sweep.pid) and out == "imported\n"


# --- who may connect ---


def listening() -> set[str]:
    """Addresses at which this process and all below it can be reached."""
    below = {os.getpid(), *(child.pid for child in psutil.Process().children(recursive=True))}
    found = psutil.net_connections("inet")
    return {one.laddr.ip for one in found if one.status == psutil.CONN_LISTEN and one.pid in below}


def test_with_tls_only_holders_of_a_certificate_of_the_authority_get_in(tmp_path):
    cluster = read_cluster(local(tmp_path, certificates(tmp_path, "ours")))
    tasks = [Task(0, replicate, small.spec().plans[0]) for replicate in range(3)]
    events = list(Dask(fakes.measure, cluster).run(tasks))
    assert [event.status for event in events].count("done") == 3
    with started(cluster) as session:
        place = session.client.scheduler.address
        assert place.startswith("tls://127.0.0.1:")
        session.client.wait_for_workers(1, timeout=60)
        assert listening() == {"127.0.0.1"}
        with pytest.raises((OSError, TypeError)):
            distributed.Client(place, timeout="2 s")
        with pytest.raises(OSError):
            distributed.Client(place.replace("tls:", "tcp:"), timeout="2 s")
        other = tmp_path / "other.toml"
        table = certificates(tmp_path, "theirs")
        other.write_text(f'kind = "address"\naddress = "{place}"\n{table}')
        with pytest.raises(EngineError, match="cannot start or reach the scheduler at tls://"):
            with started(read_cluster(other)):
                pass
        assert session.client.scheduler_info()["address"] == place


def test_without_the_extra_one_line_says_how_to_get_it(cluster, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match="distributed is not installed; pip install 'dhmodel.cluster.'"):
        small.sweep(tmp_path / "x.zarr", options={"cluster": cluster.file})
    assert not (tmp_path / "x.zarr").exists()


def test_a_scheduler_that_is_not_there_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster_start, "PATIENCE", "1 s")
    file = tmp_path / "gone.toml"
    file.write_text('kind = "address"\naddress = "tcp://127.0.0.1:9"\n')
    with pytest.raises(
        EngineError, match="^cannot start or reach the scheduler at tcp://127.0.0.1:9: .*"
    ) as e:
        small.sweep(None, options={"cluster": file})
    assert "\n" not in str(e.value)
