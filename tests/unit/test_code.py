"""The digest of the code changes where numbers may, and stays where they may not."""

import subprocess
import sys

import pytest

from dhmodel import code


@pytest.fixture
def package(tmp_path, monkeypatch):
    (tmp_path / "circuit").mkdir()
    files = {
        "circuit/a.py": '"""About a."""\nX = 1\n\n\ndef f():\n    """Say so."""\n    return X\n',
        "circuit/a.toml": '[x]\nvalue = 1\nabout = "one"\nsource = "s"\nread = "convention"\n',
        "circuit/a.h": "#define X 1\n",
        "units.py": "Y = 2\n",
        "cli.py": "Z = 3\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(code, "PACKAGE", tmp_path)

    def digest():
        code.digest.cache_clear()
        return code.digest(("circuit", "units.py"))

    yield tmp_path, digest
    code.digest.cache_clear()


@pytest.mark.parametrize(
    ("file", "before", "after", "same"),
    [
        ("circuit/a.py", "X = 1", "X = 2", False),
        ("circuit/a.py", "return X", "return X + 0", False),
        ("circuit/a.py", "X = 1", "X = 1  # why", True),
        ("circuit/a.py", "About a.", "More about a.", True),
        ("circuit/a.py", "Say so.", "Say it well.", True),
        ("circuit/a.toml", "value = 1", "value = 2", False),
        ("circuit/a.toml", "one", "two", True),
        ("circuit/a.h", "1", "2", False),
        ("units.py", "2", "3", False),
        ("cli.py", "3", "4", True),
    ],
)
def test_what_decides_numbers_counts_and_nothing_else(package, file, before, after, same):
    folder, digest = package
    old = digest()
    text = (folder / file).read_text()
    assert before in text
    (folder / file).write_text(text.replace(before, after))
    assert (digest() == old) == same


@pytest.mark.parametrize(
    ("imports", "parts"),
    [
        ("dhmodel.simulate", code.RECORDINGS),
        (
            "dhmodel.evidence.protocols.catalogue, dhmodel.evidence.running.draws",
            code.ANSWERS,
        ),
        ("dhmodel.evidence.running.course", code.COURSES),
    ],
)
def test_every_module_that_a_run_imports_is_covered(imports, parts):
    """A module that decides numbers and is not in the digest would let stale recordings through."""
    show = "print(*(name for name in sys.modules if name.startswith('dhmodel.')))"
    program = [sys.executable, "-c", f"import sys, {imports}; {show}"]
    names = subprocess.run(program, capture_output=True, text=True, check=True).stdout.split()
    covered = tuple(f"dhmodel.{part.removesuffix('.py').replace('/', '.')}" for part in parts)
    rest = {name for name in names if not f"{name}.".startswith(tuple(f"{one}." for one in covered))}
    # the sweep comes with the package's own attributes and only calls what is covered
    packages = {"dhmodel.sweep", "dhmodel.evidence", "dhmodel.evidence.running"}
    assert rest <= {"dhmodel.code", "dhmodel.errors", "dhmodel.provenance", *packages}
