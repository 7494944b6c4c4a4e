"""What is handed in is data: never executed, never a way to other files, never without bounds."""

import ast
import os
import stat
from pathlib import Path

import pytest

import dhmodel
from dhmodel import native, texts
from dhmodel.arguments import read_design
from dhmodel.engine import build
from dhmodel.engine.scratch import run_folder
from dhmodel.errors import EngineError, InputError
from dhmodel.evidence import ledger
from dhmodel.stimulation.interop import read_trains
from dhmodel.stimulation.paradigms import read_paradigm
from dhmodel.sweep.files import read_sweep

PACKAGE = Path(dhmodel.__file__).parent
FORBIDDEN_MODULES = {
    "pickle",
    "cPickle",
    "dill",
    "cloudpickle",
    "marshal",
    "shelve",
    "yaml",
    "joblib",
    "code",
    "codeop",
}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "execfile", "system", "popen", "loads_pickle"}
FORBIDDEN_WORDS = {"allow_pickle", "shell", "object_codec", "allow_object_codec"}

#: Where processes of one sweep talk to each other in pickles: over sockets that only they hold, or through
#: Dask. Nothing from a file or a store is among them.
OWN_PROCESSES = {
    "sweep/processes.py": ("multiprocessing", "pickle"),
    "sweep/pool.py": ("multiprocessing",),
    "sweep/worker.py": ("multiprocessing",),
    "evidence/protocols/runs.py": ("multiprocessing",),
    "sweep/cluster.py": ("pickle",),
    "sweep/cluster_node.py": ("pickle",),
}


def files():
    return sorted(PACKAGE.rglob("*.py"))


def modules(node) -> set[str]:
    match node:
        case ast.Import(names=names):
            return {one.name for one in names}
        case ast.ImportFrom(module=str(module), names=names):
            return {module, *(f"{module}.{one.name}" for one in names)}
    return set()


def called(node) -> str:
    match node:
        case ast.Call(func=ast.Name(id=name)):
            return name
        case ast.Call(func=ast.Attribute(value=ast.Name(id="os"), attr=name)):
            return name
    return ""


def trouble(tree) -> set[str]:
    """What a file uses that could run data as code."""
    found = set()
    for node in ast.walk(tree):
        found |= {one for one in modules(node) if one.split(".")[0] in FORBIDDEN_MODULES}
        found |= {one for one in modules(node) if one.startswith("multiprocessing")}
        if called(node) in FORBIDDEN_CALLS:
            found.add(called(node))
        for word in node.keywords if isinstance(node, ast.Call) else ():
            plain_no = isinstance(word.value, ast.Constant) and word.value.value is False
            if word.arg in FORBIDDEN_WORDS and not plain_no:
                found.add(word.arg)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "load":
            on_numpy = isinstance(node.func.value, ast.Name) and node.func.value.id == "np"
            if on_numpy and "allow_pickle" not in {word.arg for word in node.keywords}:
                found.add("np.load without allow_pickle=False")
    return found


@pytest.mark.parametrize("file", files(), ids=lambda file: str(file.relative_to(PACKAGE)))
def test_no_file_of_the_package_can_run_data(file):
    allowed = OWN_PROCESSES.get(str(file.relative_to(PACKAGE)), ())
    assert not {one for one in trouble(ast.parse(file.read_text())) if one.split(".")[0] not in allowed}


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from pickle import loads",
        "eval(x)",
        "exec(x)",
        "os.system(x)",
        "subprocess.run(x, shell=True)",
        "np.load(x)",
        "np.load(x, allow_pickle=True)",
        "import yaml",
        "from multiprocessing import Pool",
    ],
)
def test_the_search_finds_what_it_is_for(code):
    assert trouble(ast.parse(code))


# --- paths ---


def sweep_file(folder, paradigm):
    file = folder / "sweep.toml"
    file.write_text(f'[axes]\nstate = ["naive"]\n[fixed]\nparadigm = "{paradigm}"\n')
    return str(file)


PARADIGM = 'about = "x"\n[[channels]]\nfrequency = "7 Hz"\n'


def test_a_sweep_file_names_a_paradigm_of_its_folder(tmp_path, monkeypatch):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "theta.toml").write_text(PARADIGM)
    monkeypatch.chdir("/")
    assert str(read_sweep(sweep_file(tmp_path, "sub/theta.toml")).arguments["paradigm"]) == "theta"


@pytest.mark.parametrize("where", ["axes", "zip", "points"])
def test_paradigms_along_axes_are_read_too(tmp_path, where):
    (tmp_path / "theta.toml").write_text(PARADIGM)
    values = {"axes": '["none", "theta.toml"]', "zip": '["none", "theta.toml"]', "points": '"theta.toml"'}[
        where
    ]
    head = f"[[{where}]]" if where == "points" else f"[{where}]"
    (tmp_path / "sweep.toml").write_text(f"{head}\nparadigm = {values}\n")
    found = read_sweep(str(tmp_path / "sweep.toml"))
    (table,) = [found.axes] if where == "axes" else [found.design[where]]
    given = table[0]["paradigm"] if where == "points" else table["paradigm"][-1]
    assert str(given) == "theta"


@pytest.mark.parametrize("how", ["absolute", "above", "link", "link to a folder"])
def test_a_sweep_file_cannot_name_a_file_elsewhere(tmp_path, how):
    inner, outer = tmp_path / "in", tmp_path / "theta.toml"
    inner.mkdir()
    outer.write_text(PARADIGM)
    (inner / "link.toml").symlink_to(outer)
    (inner / "folder").symlink_to(tmp_path)
    name = {
        "absolute": str(outer),
        "above": "../theta.toml",
        "link": "link.toml",
        "link to a folder": "folder/theta.toml",
    }[how]
    with pytest.raises(InputError, match=r"paradigm .* lies outside the folder of this file"):
        read_sweep(sweep_file(inner, name))


def test_a_finding_names_no_file(tmp_path):
    (tmp_path / "findings.toml").write_text(
        '[x]\narea = "a"\nstatement = "s"\ncitation = "c"\nread = "abstract"\nuse = "physiology"\n'
        'protocol.runs.one.paradigm = "/etc/x.toml"\nnumbers.n = "1"\n'
        'criteria = [{ value = "n", min = 1.0, about = "n" }]\n'
    )
    with pytest.raises(InputError, match=r"runs\.one\.paradigm.*needs the name of a paradigm, not a file"):
        ledger.load(tmp_path)


# --- sizes ---


@pytest.mark.parametrize("read", [read_paradigm, lambda file: read_sweep(str(file))])
def test_a_file_of_any_size_is_read_up_to_a_limit(tmp_path, read):
    file = tmp_path / "big.toml"
    with open(file, "wb") as stream:
        stream.truncate(10**12)  # takes no space on disk
    with pytest.raises(InputError, match=r"big\.toml: larger than 5 MB, the most that is read as TOML"):
        read(file)


def test_points_and_trains_of_any_size_are_refused(tmp_path):
    file = tmp_path / "big.csv"
    with open(file, "wb") as stream:
        stream.truncate(10**12)
    with pytest.raises(InputError, match=r"big\.csv: larger than 20 MB, the most that is read as CSV"):
        read_design(None, file, None, None)
    with pytest.raises(InputError, match=r"big\.csv: larger than 1 GB"):
        read_trains(file)


def test_a_device_is_no_file_of_trains(tmp_path):
    (tmp_path / "endless.csv").symlink_to("/dev/zero")
    with pytest.raises(InputError, match=r"endless\.csv: not a file"):
        read_trains(tmp_path / "endless.csv")


def test_long_files_are_read_whole(tmp_path):
    (tmp_path / "a.txt").write_text("x" * 1000)
    assert len(texts.read_text(tmp_path / "a.txt", "a")) == 1000


# --- the cache of compiled code ---


@pytest.fixture
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("DHMODEL_CACHE", str(folder))
    return folder


def test_a_cache_that_everybody_may_write_is_refused(cache):
    cache.chmod(0o777)
    with pytest.raises(EngineError, match=r"cache: can be written by everybody, whose code would be run"):
        native.cache_folder()
    cache.chmod(0o1777)  # as /tmp: others cannot replace what is there, and theirs is refused
    assert native.cache_folder() == cache


def test_a_cache_or_a_binary_of_another_user_is_refused(cache, monkeypatch):
    if os.getuid() == 0:  # who may give files away
        os.chown(cache, 4242, -1)
    else:
        monkeypatch.setattr(os, "getuid", lambda: cache.stat().st_uid + 1)
    with pytest.raises(EngineError, match=r"cache: belongs to another user, whose code would be run"):
        native.cache_folder()


def test_a_library_or_circuit_that_everybody_may_write_is_not_loaded(cache, tmp_path):
    source = tmp_path / "one.cpp"
    source.write_text('extern "C" int one() { return 1; }')
    loaded = native.library(source)
    if loaded is None:
        pytest.skip("no compiler")
    (product,) = cache.glob("one-*.so")
    assert stat.S_IMODE(product.stat().st_mode) == 0o755
    product.chmod(0o777)
    with pytest.raises(EngineError, match=r"one-.*\.so: can be written by everybody"):
        native.library(source)
    folder = cache / "0123"
    folder.mkdir()
    (folder / build.BINARY).touch(mode=0o755)
    (folder / build.BINARY).chmod(0o757)
    with pytest.raises(EngineError, match=r"main: can be written by everybody"):
        build._find(folder)


def test_a_run_has_a_folder_of_its_own_that_others_cannot_enter():
    with run_folder(1) as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
