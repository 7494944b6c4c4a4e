"""Argument lists of every command: what they print is a result, or one line on stderr and a status."""

import sys
from contextlib import chdir

import fakes
import inputs
import numpy as np
import pytest
from claims import check_message, guarded, tries
from hypothesis import example, given
from hypothesis import strategies as st

from dhmodel.cli import main
from dhmodel.parameters.layout import population_sizes
from dhmodel.recording import Recording
from dhmodel.sweep.runner import run_sweep

COMMANDS = ["run", "sweep", "status", "export", "plot", "validate", "list", "info", "bench", "Run", ""]
OPTIONS = (
    "--paradigm --state --stimulus --set --drug --duration --warmup --seed --replicates --target --out"
    " --spikes --trains --class --fill --axis --zip --points --sample --range --store --workers --time-limit"
    " --check --dry-run --force --populations --id --area --seeds --fast --robustness --only --quick --json"
    " --cluster --memory-limit --refine --nothing -h --help --version -x --"
).split()
FILES = [
    "none.toml",
    "folder",
    "folder.zarr",
    "binary.csv",
    "binary.toml",
    "empty.csv",
    "secret.toml",
    "link",
    "paradigm.toml",
    "points.csv",
    "trains.csv",
]
VALUES = {
    "--paradigm": st.one_of(inputs.paradigm_names, st.sampled_from(FILES)),
    "--state": inputs.state_names,
    "--stimulus": inputs.stimulus_names,
    "--set": st.builds("{}={}".format, inputs.near(inputs.PATHS), inputs.quantities()),
    "--drug": st.builds("{}={}".format, inputs.near(inputs.list_drugs()), inputs.quantities(["1"])),
    "--lesion": inputs.lesions.map(str),
    "--axis": st.builds(
        "{}={},{}".format, inputs.near(inputs.PATHS), inputs.quantities(), inputs.quantities()
    ),
    "--zip": st.builds("{}={}".format, inputs.near(inputs.PATHS), inputs.quantities()),
    "--duration": inputs.quantities(["s", "ms"]),
    "--warmup": inputs.quantities(["s", "ms"]),
    "--replicates": st.sampled_from(["1", "2", "0", "-1", "x", "1.5", "9" * 30]),
    "--seed": st.sampled_from(["1", "0", "-1", "x", "9" * 30]),
    "--workers": st.sampled_from(["1", "0", "-1", "x"]),
    "--seeds": st.sampled_from(["0", "-1", "x"]),
    "--robustness": st.sampled_from(["-1", "x"]),
    "--sample": st.sampled_from(
        ["latin:4", "sobol:3:1", "saltelli:4", "latin", "x:y", "latin:9999999999999"]
    ),
    "--range": st.builds(
        "{}={},{}".format, inputs.near(inputs.PATHS), inputs.quantities(), inputs.quantities()
    ),
    "--id": inputs.near(["x"]).map(lambda name: f"no {name}"),
    "--area": st.just("no area"),
    "--only": inputs.near(["x"]).map(lambda name: f"no {name}"),
    "--class": st.sampled_from(["0=AB", "0=none", "AB", "=", "x=y"]),
}
FLAGS = {
    "--spikes",
    "--check",
    "--dry-run",
    "--force",
    "--fast",
    "--quick",
    "-h",
    "--help",
    "--version",
    "-x",
    "--",
}


@st.composite
def arguments(draw):
    """A command and some of its options, or of others."""
    command = draw(st.sampled_from(COMMANDS))
    found = [command] if command else []
    for _ in range(draw(st.integers(0, 4))):
        match draw(st.integers(0, 4)):
            case 0:
                found.append(
                    draw(
                        st.one_of(
                            st.sampled_from(FILES),
                            inputs.odd_text,
                            st.sampled_from(["parameters", "tonic", "scs_frequency"]),
                        )
                    )
                )
            case _:
                option = draw(st.sampled_from(OPTIONS))
                found.append(option)
                if option not in FLAGS:
                    found.append(draw(VALUES.get(option, st.one_of(st.sampled_from(FILES), inputs.odd_text))))
    # these two would measure or simulate for real
    if command == "bench":
        found[1:1] = ["--only", "nothing"]
    if command == "validate":
        found[1:1] = ["--id", "nothing"]
    return [one.replace("\0", "") for one in found]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder of files that are not what they should be, and some that are."""
    folder = tmp_path_factory.mktemp("commands")
    (folder / "folder").mkdir()
    (folder / "folder.zarr").mkdir()
    (folder / "binary.csv").write_bytes(bytes(range(256)))
    (folder / "binary.toml").write_bytes(bytes(range(256)))
    (folder / "empty.csv").touch()
    (folder / "link").symlink_to("nowhere")
    (folder / "paradigm.toml").write_text('about = "x"\n[[channels]]\nfrequency = "7 Hz"\n')
    (folder / "points.csv").write_text("tonic.frequency,state\n5 Hz,naive\n")
    (folder / "trains.csv").write_text("fibre,class,time\n0,AB,0.1\n")
    return folder


def recording(plan, replicate):
    """Stand in for a simulation: one spike."""
    sizes = population_sizes(plan.parameters)
    nothing = np.empty(0)
    return Recording(np.array([0.0]), np.array([0]), sizes, plan.duration, nothing, nothing, {})


@pytest.fixture(scope="module")
def fast(request):
    """No command simulates."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules["dhmodel.simulate"], "record", recording)
        patch.setattr(sys.modules["dhmodel.simulate"], "prepare", lambda plan: None)
        patch.setitem(run_sweep.__kwdefaults__, "measure", fakes.measure)
        patch.setitem(run_sweep.__kwdefaults__, "prepare", lambda plan: None)
        patch.setenv("COLUMNS", "100")
        yield


@tries(120)
@given(arguments())
@example(["status", "folder.zarr"])
@example(["export", "link", "x.nc"])
@example(["run", "--duration", "1e300 s"])
@example(["run", "--trains", "folder"])
@example(["sweep", "--sample", "latin:9999999999999", "--range", "pag.drive=0,1"])
@example(["plot", "folder"])
@example(["plot", ""])
@example(["plot", "/"])
@example(["status", ""])
@example(["export", "", ""])
@example(["sweep", "--axis", "state=naive", "--workers", "1", "--store", "/"])
@example(["run", "--out", ".zarr"])
@example(["plot", "binary.csv"])
def test_any_arguments_give_a_result_or_one_line_and_a_status(place, fast, capfd, given):
    with chdir(place), pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["dhmodel", *given])
        capfd.readouterr()
        with guarded(), pytest.raises(SystemExit) as stop:
            main()
    out, err = capfd.readouterr()
    assert "Traceback" not in out + err
    said = [line for line in err.splitlines() if "run/s" not in line and not line.startswith("replicates")]
    if stop.value.code in (1, 2):
        check_message(said[-1])
        assert said[-1].startswith("error: ")
    else:
        assert not stop.value.code and "nan" not in out.split()
