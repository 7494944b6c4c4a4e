"""Small libraries compiled on the user's machine: built once, found again, and one line where it fails."""

import shutil
import subprocess
import sys

import numpy as np
import pytest

from dhmodel import native
from dhmodel.errors import EngineError

pytestmark = pytest.mark.skipif(native.compiler() is None, reason="no C++ compiler")

SOURCE = 'extern "C" int answer() { return 42; }\n'


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache."""
    monkeypatch.setenv("DHMODEL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "part.cpp"
    path.write_text(SOURCE)
    return path


def kept(cache):
    return [path for path in cache.iterdir() if path.suffix != ".lock"]


def test_a_library_is_compiled_and_called(source, cache):
    assert native.library(source).answer() == 42
    assert [path.suffix for path in kept(cache)] == [".so"]


def test_the_second_time_nothing_is_compiled(source, cache, monkeypatch):
    native.library(source)
    monkeypatch.setattr(native.subprocess, "run", None)
    assert native.library(source).answer() == 42


def test_another_source_is_another_library(source, cache):
    native.library(source)
    source.write_text(SOURCE.replace("42", "43"))
    assert native.library(source).answer() == 43
    assert len(kept(cache)) == 2


@pytest.mark.parametrize("what", ["compiler", "processor"])
def test_another_compiler_or_processor_is_another_library(source, cache, monkeypatch, what):
    native.library(source)
    path, _ = native.compiler()
    monkeypatch.setattr(native, what, lambda: (path, "another"))
    native.library(source)
    assert len(kept(cache)) == 2


def test_a_damaged_library_is_compiled_again(source, cache):
    cache.mkdir()
    name = f"part-{native._key(source, native.compiler())}.so"
    (cache / name).write_text("no library")
    assert native.library(source).answer() == 42


def test_without_a_compiler_there_is_none(source, cache, monkeypatch):
    monkeypatch.setattr(native, "compiler", lambda: None)
    assert native.library(source) is None


def test_flags_that_the_compiler_refuses_are_left_out(source, cache, monkeypatch):
    monkeypatch.setattr(native, "FLAGS", ("-fno-such-flag", "-fPIC"))
    assert native.library(source).answer() == 42


def test_a_failing_compiler_is_one_line_and_leaves_nothing(source, cache):
    source.write_text("int answer() { return nothing; }\n")
    with pytest.raises(EngineError, match=r"^the C\+\+ compiler failed on part.cpp: .*error: ") as error:
        native.library(source)
    assert "\n" not in str(error.value)
    assert kept(cache) == []


def test_loading_leaves_the_arithmetic_of_the_process_alone(source, cache):
    """A library linked with -ffast-math sets flush-to-zero, and the smallest numbers vanish."""
    native.library(source)
    assert np.array([1e-308]) / 10 > 0


def test_two_processes_at_once_compile_once(source, cache, tmp_path):
    log, slow = tmp_path / "log", tmp_path / "slow-compiler"
    real = shutil.which(native.compiler()[0])
    slow.write_text(f'#!/bin/sh\ncase "$*" in *" -c "*) echo x >> {log}; sleep 1;; esac\nexec {real} "$@"\n')
    slow.chmod(0o755)
    code = "import sys; from pathlib import Path; from dhmodel import native\n"
    code += "print(native.library(Path(sys.argv[1])).answer())"
    environment = native.os.environ | {"CXX": str(slow)}
    command = [sys.executable, "-c", code, str(source)]
    both = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate(timeout=60)[0] for process in both] == ["42\n", "42\n"]
    assert log.read_text() == "x\n"
