"""Real runs of the small circuit: the same arrays wherever they are computed, even without a compiler."""

import random
from dataclasses import replace

import numpy as np
import pytest
from servers import servers

from dhmodel import native
from dhmodel.circuit import assemble
from dhmodel.engine import build, parcels
from dhmodel.errors import EngineError
from dhmodel.simulate import measure
from dhmodel.sweep.cluster import Dask
from dhmodel.sweep.cluster_file import read_cluster
from dhmodel.sweep.executors import InProcess, Task
from dhmodel.sweep.pool import Pool
from dhmodel.sweep.runner import circuits
from dhmodel.sweep.spec import build_spec

pytestmark = pytest.mark.skipif(native.compiler() is None, reason="no C++ compiler to build what is shipped")


@pytest.fixture(scope="module")
def tasks(circuit):
    """Two points, one of them with current in the fibres, twice each."""
    fixed = {"set": {"circuit.scale": 0.25}, "duration": "0.3 s", "warmup": "0.1 s"}
    spec = build_spec({"paradigm": ["none", "tonic"], "state": ["snl"]}, fixed, 2)
    assert assemble.structure(spec.plans[0].parameters) == circuit.structure
    return [Task(point, replicate, plan) for point, plan in enumerate(spec.plans) for replicate in range(2)]


@pytest.fixture(scope="module")
def results(tasks):
    return outcome(InProcess(measure), tasks)


def outcome(executor, tasks):
    events = [event for event in executor.run(tasks) if event.status != "running"]
    assert [event.error for event in events] == [""] * len(tasks)
    return {(event.task.point, event.task.replicate): event.arrays for event in events}


def equal(ones, others) -> bool:
    """Bit for bit; every value counts, also one that is not a number."""
    assert ones.keys() == others.keys() and any(
        array.any() for one in ones.values() for array in one.values()
    )
    return all(
        one.keys() == others[at].keys()
        and all(one[name].dtype == others[at][name].dtype for name in one)
        and all(one[name].tobytes() == np.asarray(others[at][name]).tobytes() for name in one)
        for at, one in ones.items()
    )


def test_two_workers_give_what_one_process_gives_in_another_order(tasks, results):
    shuffled = random.Random(1).sample(tasks, len(tasks))
    assert shuffled != tasks and equal(outcome(Pool(measure, 2), shuffled), results)


def test_a_dask_worker_without_compiler_and_brian2_gives_the_same(tasks, results, tmp_path, monkeypatch):
    (tmp_path / "poor" / "brian2").mkdir(parents=True)
    (tmp_path / "poor" / "brian2" / "__init__.py").write_text("raise ImportError('no Brian2 here')\n")
    (tmp_path / "empty").mkdir()
    cache = tmp_path / "cache"
    monkeypatch.syspath_prepend(str(tmp_path / "poor"))  # which the workers take over
    environment = {"PATH": str(tmp_path / "empty"), "DHMODEL_CACHE": str(cache), "CXX": ""}
    with servers(tmp_path, workers=2, **environment) as found:
        cluster = read_cluster(found.file)
        *_, alone = Dask(measure, cluster).run(tasks[:1])
        assert alone.status == "failed" and "no C++ compiler" in alone.error
        assert equal(outcome(Dask(measure, cluster, pack=circuits), tasks[::-1]), results)
    unpacked = [path for path in cache.iterdir() if path.is_dir()]
    assert len(unpacked) == 1 + len(native.sources())  # once, though two workers asked
    assert all(path.name.startswith("shipped-") for path in unpacked)


# --- what does not fit ---


@pytest.fixture
def parcel(circuit):
    return parcels.pack([(circuit.structure, "cpp")])[0]


@pytest.fixture
def another_cache(tmp_path, monkeypatch):
    """An empty cache, on a machine to which nothing has been lent."""
    monkeypatch.setenv("DHMODEL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(build, "_LENT", {})
    monkeypatch.setattr(native, "_LENT", {})
    return tmp_path / "cache"


def test_a_machine_with_another_processor_and_no_compiler_says_so(parcel, another_cache, monkeypatch):
    monkeypatch.setattr(native, "processor", lambda: "another")
    monkeypatch.setattr(build, "compiler", lambda: None)
    with pytest.raises(
        EngineError, match="has another processor than the machine that built.*no C.. compiler"
    ):
        parcels.unpack(parcel)


def test_a_machine_with_another_processor_and_a_compiler_builds_its_own(parcel, another_cache, monkeypatch):
    built = []
    monkeypatch.setattr(native, "processor", lambda: "another")
    monkeypatch.setattr(build, "ensure", lambda *what: built.append(what))
    parcels.unpack(parcel)
    assert built == [(parcel.structure, "cpp")] and build._LENT == {}


def test_what_needs_no_certain_processor_fits_another(circuit, monkeypatch):
    monkeypatch.setattr(build, "ensure", lambda *what: circuit.built)
    here = parcels.pack([(circuit.structure, "cpp_portable")])[0]
    assert "processor" not in dict(here.needs) and {"machine", "C library"} <= set(dict(here.needs))


def test_a_damaged_parcel_is_refused_and_leaves_nothing(parcel, another_cache):
    name, content = parcel.files[0]
    damaged = replace(parcel, files=((name, content[:-1] + b"x"), *parcel.files[1:]))
    with pytest.raises(EngineError, match="damaged on its way"):
        parcels.unpack(damaged)
    assert not [path for path in another_cache.iterdir() if path.is_dir()]


def test_a_parcel_cannot_write_outside_its_folder(parcel, another_cache):
    files = (("../outside", parcel.files[0][1]), *parcel.files[1:])
    with pytest.raises(EngineError, match="lies outside its folder"):
        parcels.unpack(replace(parcel, files=files, digest=parcels._digest(files)))
    assert not [path for path in another_cache.iterdir() if path.suffix != ".lock"]


def test_a_damaged_copy_is_unpacked_again(parcel, another_cache, circuit):
    parcels.unpack(parcel)
    copy = build.ensure(circuit.structure).binary
    copy.write_bytes(copy.read_bytes()[:1000])
    parcels.unpack(parcel)
    assert copy.read_bytes() == circuit.built.binary.read_bytes()


def test_what_was_lent_is_found_and_checked(parcel, another_cache, circuit):
    parcels.unpack(parcel)
    found = build.ensure(circuit.structure)
    assert found.folder.name == f"shipped-{parcel.digest}"
    assert found.manifest == circuit.built.manifest
    assert found.binary.read_bytes() == circuit.built.binary.read_bytes()
