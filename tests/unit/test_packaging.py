"""What pyproject.toml declares, the lock pins, conda gets and the package imports is one and the same."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONDA_ONLY = {"python", "pip", "cxx-compiler"}
PYTHONS = ["3.12", "3.13"]


def declared(*groups: str) -> dict[str, SpecifierSet]:
    """Bounds by name of the runtime dependencies and of the named extras, the package itself left out."""
    extras = PROJECT["optional-dependencies"]
    texts = PROJECT["dependencies"] + [text for group in groups for text in extras[group]]
    found = {canonicalize_name(item.name): item.specifier for item in map(Requirement, texts)}
    found.pop("dhmodel", None)
    return found


@cache
def lock_lines() -> list[str]:
    return (ROOT / "requirements.lock").read_text().splitlines()


def pins(python: str) -> dict[str, Version]:
    """Version by name that the lock installs with this Python on Linux."""
    linux = {
        "python_version": python,
        "python_full_version": f"{python}.1",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    found: dict[str, Version] = {}
    for line in lock_lines():
        pin, _, marker = line.partition(" ; ")
        name, _, version = pin.partition("==")
        if not marker or Marker(marker).evaluate(linux):
            assert name not in found, f"{name} is pinned twice for Python {python}"
            found[name] = Version(version)
    return found


def conda() -> list:
    return yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]


def test_lock_lines_are_name_and_version():
    shape = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*==[0-9][0-9a-z.]*( ; [a-z_<>=!'.0-9A-Z() -]+)?")
    assert [line for line in lock_lines() if not shape.fullmatch(line)] == []


@pytest.mark.parametrize("python", PYTHONS)
def test_lock_pins_every_dependency_within_its_bounds(python):
    found = pins(python)
    for name, bounds in declared("test", "dev").items():
        assert name in found, f"{name} is not in requirements.lock: run make lock"
        assert found[name] in bounds, f"{name} {found[name]} is outside {bounds}: run make lock"


def test_lock_is_closed():
    """The installed set, made from the lock without resolving, lacks nothing that its members need."""
    done = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_conda_names_and_bounds_equal_those_of_pyproject():
    requirements = [Requirement(text) for text in conda() if isinstance(text, str)]
    found = {item.name: item.specifier for item in requirements if item.name not in CONDA_ONLY}
    assert found == declared("test", "dev")


def test_python_bounds_agree():
    bounds = SpecifierSet(PROJECT["requires-python"])
    assert f"python{bounds}" in conda()
    assert (ROOT / ".python-version").read_text().strip() in bounds
    for version in PYTHONS:
        assert version in bounds
        assert f"Programming Language :: Python :: {version}" in PROJECT["classifiers"]


def test_every_dependency_is_declared_and_used():
    roots = set()
    for path in (ROOT / "dhmodel").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                roots |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                roots.add(node.module.split(".")[0])
    foreign = roots - set(sys.stdlib_module_names) - {"dhmodel"}
    backends = {"h5netcdf", "h5py"}  # named to xarray as an engine, not imported by us
    optional = foreign & set(declared("cluster")) - set(declared())
    assert optional == {"distributed"}  # in sweep/cluster_node.py, which only what has Dask imports
    assert foreign - optional | backends == set(declared())


def test_wheel_holds_every_file(tmp_path):
    """Code and data: parameter tables, sweep specifications, style and C++ sources."""
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    skip = shutil.ignore_patterns("__pycache__", ".*")
    package = Path(shutil.copytree(ROOT / "dhmodel", tmp_path / "dhmodel", ignore=skip))
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    done = subprocess.run([*pip, "-w", tmp_path, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    expected = {str(path.relative_to(tmp_path)) for path in package.rglob("*") if path.is_file()}
    with zipfile.ZipFile(next(tmp_path.glob("dhmodel-*.whl"))) as wheel:
        assert {name for name in wheel.namelist() if ".dist-info/" not in name} == expected


def test_command_exists():
    module, _, name = PROJECT["scripts"]["dhmodel"].partition(":")
    assert callable(getattr(import_module(module), name))


def test_citation_has_the_version_and_licence():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]


@pytest.mark.parametrize(
    ("module", "heavy"),
    [("dhmodel", {"brian2", "xarray", "matplotlib", "zarr", "pandas"}), ("dhmodel.cli", {"brian2", "sympy"})],
)
def test_import_is_light(module, heavy):
    """Sweep workers and `dhmodel list` start at once because nothing slow is imported with them."""
    code = f"import sys, {module}; print(*(set(sys.modules) & {heavy!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == []


def test_ci_runs_what_readme_shows():
    commands = [line for line in (ROOT / ".ci/run").read_text().splitlines() if line.startswith("make")]
    assert commands == ["make test", "make cluster"]
    assert "make test" in (ROOT / "README.md").read_text()
