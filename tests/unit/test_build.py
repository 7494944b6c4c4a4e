"""The cache of compiled circuits: what is found, what is built, and what is left when a build fails."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from threading import Event

import pytest

from dhmodel import native
from dhmodel.circuit import assemble
from dhmodel.engine import build
from dhmodel.errors import EngineError
from dhmodel.parameters import resolve
from dhmodel.simulate import _warn_of_numpy, plan

STRUCTURE = assemble.structure(resolve(set={"circuit.scale": 0.25}))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache."""
    monkeypatch.setenv("DHMODEL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def builds(cache, monkeypatch):
    """Builds of a stand-in instead of a circuit: the list of places where one was made."""
    done = []

    def generate(place, structure, flags, single):
        (place / "code_objects").mkdir()
        (place / "main.cpp").write_text("int main() {}")
        (place / "manifest.json").write_text(json.dumps({"cells": structure.cells}))

    def compile(place, path):
        (place / "main").write_text(f"binary {len(done)}")
        done.append(place)

    monkeypatch.setattr(build, "_generate", generate)
    monkeypatch.setattr(build, "_compile", compile)
    return done


def left_in(cache):
    return sorted(path.name for path in cache.iterdir() if path.suffix != ".lock")


def one_line(error):
    return "\n" not in str(error.value)


# Finding


def test_the_second_time_nothing_is_built(builds):
    first, second = build.ensure(STRUCTURE), build.ensure(STRUCTURE)
    assert len(builds) == 1
    assert first == second and first.binary.read_text() == "binary 0"
    assert first.manifest["cells"] == STRUCTURE.cells == 211


def test_only_binary_and_manifest_are_kept(builds, cache):
    built = build.ensure(STRUCTURE)
    assert left_in(cache) == [built.folder.name]
    assert sorted(path.name for path in built.folder.iterdir()) == ["main", "manifest.json"]


def test_each_target_and_structure_has_its_own(builds):
    other = replace(STRUCTURE, dt=5e-5)
    folders = {build.ensure(*which).folder for which in ((STRUCTURE,), (STRUCTURE, "cpp_double"), (other,))}
    assert len(folders) == len(builds) == 3


def test_a_real_circuit_is_found_without_compiling(circuit, monkeypatch):
    monkeypatch.setattr(build.subprocess, "run", None)
    assert build.ensure(STRUCTURE) == circuit.built


def _larger(value):
    return (value[0], value[1] + 1) if isinstance(value, tuple) else value * 2


@pytest.mark.parametrize("field", [name for name in asdict(STRUCTURE) if name != "synapses"])
def test_key_changes_with_every_fact_of_the_structure(field):
    value = getattr(STRUCTURE, field)
    changed = (*value[:-1], ("PN", 1, 2)) if field == "a_current" else _larger(value)
    assert build.key(replace(STRUCTURE, **{field: changed}), "cpp") != build.key(STRUCTURE, "cpp")


def test_key_changes_with_the_number_of_synapses():
    more = tuple((name, number + 1) for name, number in STRUCTURE.synapses)
    assert build.key(replace(STRUCTURE, synapses=more), "cpp") != build.key(STRUCTURE, "cpp")


def test_key_changes_with_the_recipe():
    assert len({build.key(STRUCTURE, target) for target in build.RECIPES}) == len(build.RECIPES)


@pytest.mark.parametrize("name", build.SOURCES)
def test_key_changes_with_every_source(name, monkeypatch, tmp_path):
    before = build.key(STRUCTURE, "cpp")
    for source in build.SOURCES:
        (tmp_path / source).parent.mkdir(exist_ok=True)
        (tmp_path / source).write_bytes((build.PACKAGE / source).read_bytes())
    monkeypatch.setattr(build, "PACKAGE", tmp_path)
    assert build.key(STRUCTURE, "cpp") == before
    with open(tmp_path / name, "a") as file:
        file.write(" ")
    assert build.key(STRUCTURE, "cpp") != before


@pytest.mark.parametrize("what", ["compiler", "processor", "_versions"])
def test_key_changes_with_compiler_processor_and_versions(what, monkeypatch):
    before = build.key(STRUCTURE, "cpp")
    monkeypatch.setattr(build, what, lambda: ("another", "one"))
    assert build.key(STRUCTURE, "cpp") != before


@pytest.mark.parametrize(
    "damage", ["no binary", "other binary", "empty binary", "no manifest", "half a manifest"]
)
def test_a_damaged_circuit_is_built_again(builds, damage):
    folder = build.ensure(STRUCTURE).folder
    manifest = (folder / "manifest.json").read_text()
    if damage.startswith("no "):
        (folder / {"binary": "main", "manifest": "manifest.json"}[damage[3:]]).unlink()
    elif damage == "half a manifest":
        (folder / "manifest.json").write_text(manifest[: len(manifest) // 2])
        build._load.cache_clear()  # as in another process; this one has read it
    else:
        (folder / "main").write_text("" if damage == "empty binary" else "binary X")
    if damage == "no manifest":
        build._load.cache_clear()
    again = build.ensure(STRUCTURE)
    assert len(builds) == 2
    assert again.binary.read_text() == "binary 1"
    assert sorted(path.name for path in folder.iterdir()) == ["main", "manifest.json"]


def test_a_cache_that_can_only_be_read_still_serves(builds, monkeypatch):
    folder = build.ensure(STRUCTURE).folder
    monkeypatch.setattr(build.os, "access", lambda *_: False)
    assert build.ensure(STRUCTURE).folder == folder


# Building at the same time


def test_two_threads_at_once_build_once(builds, monkeypatch):
    generate, flock, both_ask = build._generate, native.fcntl.flock, Event()
    asked = []

    def lock(file, operation):
        asked.append(file)
        if len(asked) == 2:
            both_ask.set()
        flock(file, operation)

    def wait_and_generate(*order):
        assert both_ask.wait(30)
        generate(*order)

    monkeypatch.setattr(native.fcntl, "flock", lock)
    monkeypatch.setattr(build, "_generate", wait_and_generate)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: build.ensure(STRUCTURE), range(2))
    assert len(builds) == 1 and first == second


BUILDER = """
import json, sys
from dhmodel.circuit import assemble
from dhmodel.engine import build
from dhmodel.parameters import resolve

def generate(place, *_):
    print("building", flush=True)
    sys.stdin.readline()
    (place / "manifest.json").write_text("{}")

build._generate = generate
build._compile = lambda place, path: (place / "main").write_text("binary")
structure = assemble.structure(resolve(set={"circuit.scale": 0.25}))
print("asking", flush=True)
print(build.ensure(structure).folder, flush=True)
"""


def test_two_processes_at_once_build_once(cache):
    command = [sys.executable, "-c", BUILDER]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as first, subprocess.Popen(command, **pipes) as second:
        said = [first.stdout.readline(), second.stdout.readline()]
        assert said == ["asking\n", "asking\n"]
        # The first to come builds until told to go on; the other waits for the lock and finds the circuit.
        for process in (first, second):
            process.stdin.write("\n")
            process.stdin.flush()
        # `communicate` would not see what `readline` has read ahead
        outputs = [process.stdout.read().splitlines() for process in (first, second)]
    assert sorted(map(len, outputs)) == [1, 2]
    assert outputs[0][-1] == outputs[1][-1] == str(cache / left_in(cache)[0])


# Failing


def test_a_failed_build_is_one_line_and_leaves_no_folder(builds, cache, monkeypatch):
    def fail(place, path):
        raise EngineError("the C++ compiler failed")

    monkeypatch.setattr(build, "_compile", fail)
    with pytest.raises(EngineError, match=r"^the C\+\+ compiler failed$"):
        build.ensure(STRUCTURE)
    assert left_in(cache) == []


def test_an_interrupted_build_leaves_no_folder(builds, cache, monkeypatch):
    def interrupt(place, path):
        raise KeyboardInterrupt

    monkeypatch.setattr(build, "_compile", interrupt)
    with pytest.raises(KeyboardInterrupt):
        build.ensure(STRUCTURE)
    assert left_in(cache) == []


def test_what_a_killed_build_left_is_removed_by_the_next(builds, cache):
    name = build.key(STRUCTURE, "cpp")
    (cache / f"{name}.build-abc" / "code_objects").mkdir(parents=True)
    (cache / "0123.build-abc").mkdir()  # of another circuit: perhaps under way
    build.ensure(STRUCTURE)
    assert left_in(cache) == sorted([name, "0123.build-abc"])


def test_the_message_of_a_failing_compiler_is_its_first_error(cache, monkeypatch, tmp_path):
    def generate(place, structure, flags, single):
        (place / "makefile").write_text("main: main.cpp\n\t$(CXX) $< -o $@\n")
        (place / "main.cpp").write_text("int main() { return nothing; }\n")

    monkeypatch.setattr(build, "_generate", generate)
    monkeypatch.setenv("MAKEFLAGS", "-n")  # of a make that runs us
    with pytest.raises(
        EngineError, match="compiler failed on the generated circuit: main.cpp.* error: "
    ) as error:
        build.ensure(STRUCTURE)
    assert one_line(error)
    assert left_in(cache) == []


def test_a_circuit_that_brian2_refuses_is_one_line(cache):
    with pytest.raises(EngineError, match="Brian2 could not generate the circuit's code: ") as error:
        build.ensure(replace(STRUCTURE, cells=-1))
    assert one_line(error)
    assert left_in(cache) == []


def test_a_full_disk_is_named(builds, cache, monkeypatch):
    def generate(place, *_):
        with open("/dev/full", "w") as file:
            file.write("x")

    monkeypatch.setattr(build, "_generate", generate)
    with pytest.raises(EngineError, match=f"cannot build the circuit in {cache}: No space left on device"):
        build.ensure(STRUCTURE)
    assert left_in(cache) == []


def test_a_cache_that_cannot_be_written_is_named(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("DHMODEL_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(
        EngineError, match=f"cannot write the cache of compiled circuits in {tmp_path}/file/cache"
    ):
        build.ensure(STRUCTURE)


def test_without_compiler_building_says_what_to_do(cache, monkeypatch):
    monkeypatch.setattr(build, "compiler", lambda: None)
    with pytest.raises(
        EngineError, match="no C.. compiler .* with make on this machine; install one, or use target"
    ):
        build.ensure(STRUCTURE)


# Where the cache is


def test_dhmodel_cache_names_the_folder_and_a_relative_one_too(monkeypatch, tmp_path):
    monkeypatch.setenv("DHMODEL_CACHE", "here")
    monkeypatch.chdir(tmp_path)
    assert build.cache_folder() == tmp_path / "here"


def test_otherwise_it_is_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.delenv("DHMODEL_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert build.cache_folder() == tmp_path / "xdg" / "dhmodel"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert build.cache_folder() == tmp_path / "home" / ".cache" / "dhmodel"


def test_a_home_that_cannot_be_written_is_replaced_by_a_temporary_folder(monkeypatch, tmp_path):
    (tmp_path / "home").touch()
    monkeypatch.delenv("DHMODEL_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(build.tempfile, "tempdir", str(tmp_path))
    assert build.cache_folder() == tmp_path / f"dhmodel-{build.os.getuid()}"


def test_a_temporary_folder_of_another_user_is_not_trusted(monkeypatch, tmp_path):
    (tmp_path / "home").touch()
    monkeypatch.delenv("DHMODEL_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(build.tempfile, "tempdir", str(tmp_path))
    stranger = build.os.getuid() + 1
    (tmp_path / f"dhmodel-{stranger}").mkdir()
    monkeypatch.setattr(build.os, "getuid", lambda: stranger)
    with pytest.raises(EngineError, match="cannot write the cache"):
        build.cache_folder()


# Compiler


def test_flags_that_the_compiler_refuses_are_left_out_and_named():
    said = []
    kept = build.usable_flags(("-O2", "-fno-such-flag"), said.append)
    assert kept == ("-O2",)
    assert said == ["warning: this compiler does not take -fno-such-flag; the circuit runs slower"]


def test_flags_that_it_takes_are_kept_silently():
    said = []
    assert build.usable_flags(("-O2",), said.append) == ("-O2",) and said == []
    assert build.usable_flags(None, said.append) is None


def test_without_compiler_the_numpy_target_is_used_with_one_warning(monkeypatch):
    monkeypatch.setattr(build, "compiler", lambda: None)
    _warn_of_numpy.cache_clear()
    with pytest.warns(UserWarning, match="no C.. compiler .*numpy target") as caught:
        assert [plan(target="auto").target for _ in range(3)] == ["numpy"] * 3
    assert len(caught) == 1


@pytest.mark.parametrize("target", ["numpy", "cpp"])
def test_a_target_that_was_asked_for_gives_no_warning(monkeypatch, target, recwarn):
    monkeypatch.setattr(build, "compiler", lambda: None)
    _warn_of_numpy.cache_clear()
    assert plan(target=target).target == target
    assert not recwarn.list


def test_generated_code_is_changed_in_one_place_or_not_at_all(tmp_path):
    from dhmodel.engine.generate import edit  # imports Brian2

    file = tmp_path / "code.cpp"
    file.write_text("a = 1; b = 2;")
    edit(file, r"a = (\d)", r"a = -\1")
    assert file.read_text() == "a = -1; b = 2;"
    for pattern in ("c = ", r"\d"):
        with pytest.raises(RuntimeError, match="this version of Brian2 writes code.cpp differently"):
            edit(file, pattern, "")
    assert file.read_text() == "a = -1; b = 2;"


def test_sources_of_the_key_are_all_that_the_generator_imports_of_the_circuit():
    """What generates code, and is not in the key, would change the binary unnoticed."""
    code = """
import sys
import dhmodel.engine.generate
print([name for name in sys.modules if name.startswith(("dhmodel.engine.", "dhmodel.circuit."))])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = {name.replace(".", "/") + ".py" for name in eval(done.stdout)}
    draws = {  # arrays, not code
        "assemble",
        "conditions",
        "connectome",
        "drives",
        "sampling",
        "populations",
        "receptors",
        "topology",
    }
    runs = {"build", "feed", "run", "scratch"}
    allowed = {f"dhmodel/circuit/{name}.py" for name in draws} | {
        f"dhmodel/engine/{name}.py" for name in runs
    }
    in_key = {f"dhmodel/{name}" for name in build.SOURCES}
    assert imported - allowed == {name for name in in_key if Path(name).suffix == ".py"}
