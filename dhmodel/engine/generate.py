"""Write the C++ project of a circuit with Brian2's standalone device, ready to be compiled."""

import json
import re
import sys
from pathlib import Path

import brian2 as b2
import numpy as np

from dhmodel.circuit.network import make_network
from dhmodel.circuit.structure import PATHWAYS, Structure
from dhmodel.engine.functions import compiled_functions
from dhmodel.engine.integrator import frozen_exponential

__all__ = ["write_sources"]

#: Code objects whose loops over cells cost most of a run.
HOT = ("cells_stateupdater", "a_current", "calcium_and_can")

#: Units per block of a threshold loop.
BLOCK = 64

#: Long enough for any run; the feed's stop time ends it.
FOREVER = 1e7

#: Every generated file includes these: parsed once, they save two thirds of the time of a build.
PRECOMPILED = (
    "objects.h",
    "brianlib/common_math.h",
    "brianlib/stdint_compat.h",
    "chrono",
    "cmath",
    "ctime",
    "iostream",
    "fstream",
    "climits",
    "random",
    "map",
    "string",
    "vector",
    "algorithm",
    "feed.h",
    "network.h",
)


def write_sources(structure: Structure, place: Path, flags: tuple[str, ...] | None, single: bool) -> dict:
    """Generate the project in `place`. It leaves Brian2's device and preferences changed: run it in a process of its own.

    Returns
    -------
    dict
        The manifest: ``static`` maps wiring and delay names to files read at start, ``variables`` maps every other name to the
        file written at the end and its type.
    """
    b2.set_device("cpp_standalone", build_on_run=False, directory=str(place))
    _set_preferences(flags, single)
    network = make_network(
        structure, _placeholder_wiring(structure), compiled_functions(), frozen_exponential
    )
    delays = _placeholder_delays(network)
    network.run(FOREVER * b2.second)
    device = b2.get_device()
    device.build(run=False, compile=False, directory=str(place), with_output=False)
    _precompile(place, single)
    _straighten(place, structure)
    _skim(place)
    return {
        "static": _static_files(device, delays),
        "variables": _variables(device, network),
        "flags": flags,
        "single": single,
    }


def _set_preferences(flags, single) -> None:
    b2.prefs.core.default_float_dtype = np.float32 if single else np.float64
    b2.prefs.codegen.cpp.include_dirs = [*b2.prefs.codegen.cpp.include_dirs, str(Path(__file__).parent)]
    b2.prefs.codegen.cpp.headers = [*b2.prefs.codegen.cpp.headers, '"feed.h"', '"network.h"']
    if flags is not None:
        b2.prefs.codegen.cpp.extra_compile_args_gcc = ["-w", "-std=c++17", *flags]
        if "-ffast-math" in flags:
            b2.prefs.codegen.cpp.extra_link_args = [*b2.prefs.codegen.cpp.extra_link_args, "-ffast-math"]


def _sizes(structure: Structure) -> dict[str, int]:
    return {
        "cells": structure.cells,
        "sources": structure.sources,
        "excitatory": structure.excitatory[1] - structure.excitatory[0],
        "inhibitory": structure.inhibitory[1] - structure.inhibitory[0],
    }


def _placeholder_wiring(structure: Structure) -> dict[str, np.ndarray]:
    """Arrays of the right size and within range; every run brings its own."""
    sizes, wiring = _sizes(structure), {}
    for name, number in structure.synapses:
        for side, place in zip("ij", PATHWAYS[name], strict=True):
            wiring[f"{name}.{side}"] = (np.arange(number) % sizes[place]).astype(np.int32)
    return wiring


def _placeholder_delays(network) -> list[str]:
    names = []
    for synapses in network.objects:
        if isinstance(synapses, b2.Synapses) and synapses.name in ("excitation", "inhibition"):
            synapses.delay = np.full(len(synapses), 1e-3) * b2.second
            names.append(synapses.name)
    return names


def _static_files(device, delays) -> dict[str, str]:
    files = {}
    for name in PATHWAYS:
        files[f"{name}.i"] = f"_static_array__array_{name}_sources"
        files[f"{name}.j"] = f"_static_array__array_{name}_targets"
    for name in delays:
        matches = [key for key in device.static_arrays if name in key and "delay" in key]
        files[f"{name}.delay"] = matches[0]
    missing = set(files.values()) ^ set(device.static_arrays)
    if missing:
        raise RuntimeError(f"Brian2 names its static arrays differently: {sorted(missing)}")
    return files


def _variables(device, network) -> dict[str, list[str]]:
    files = {}
    for owner in network.objects:
        if owner.name in ("cells", "sources", "spikes", *PATHWAYS):
            for name, variable in owner.variables.items():
                if (
                    variable in device.arrays
                    and variable.owner is not None
                    and variable.owner.name == owner.name
                ):
                    files[f"{owner.name}.{name}"] = [
                        device.get_array_filename(variable),
                        np.dtype(variable.dtype).name,
                    ]
    return files


def _precompile(place: Path, single: bool) -> None:
    """Make the generated makefile parse the common headers once, and keep the hot loops' constants in the cells' precision."""
    (place / "common.hpp").write_text("".join(f"#include {_quote(header)}\n" for header in PRECOMPILED))
    makefile = (place / "makefile").read_text()
    makefile = makefile.replace("-MMD -MP", "-include common.hpp $(EXTRA) -MMD -MP")
    makefile += "\ncommon.hpp.gch: common.hpp\n\t$(CXX) $(filter-out -c,$(CXXFLAGS)) -x c++-header $< -o $@\n\n$(OBJS): common.hpp.gch\n"
    if single:
        makefile += "".join(
            f"code_objects/{name}_codeobject.o: EXTRA = -fsingle-precision-constant\n" for name in HOT
        )
    (place / "makefile").write_text(makefile)


def _straighten(place: Path, structure: Structure) -> None:
    """Replace the index table of a subgroup, which is contiguous, by an offset: only so can its loop be vectorised."""
    for name, (start, _) in {"a_current": structure.delayed, "calcium_and_can": structure.wdr}.items():
        path = place / "code_objects" / f"{name}_codeobject.cpp"
        code, number = re.subn(r"= _ptr_array_\w+__sub_idx\[_idx\];", f"= _idx + {start};", path.read_text())
        if number != 1:
            raise RuntimeError(f"Brian2 indexes the subgroup in {path.name} differently")
        path.write_text(code)


def _skim(place: Path) -> None:
    """Make the threshold loops pass over blocks without a spike: the first pass is vectorised, the second is rare."""
    for name in ("cells", "sources"):
        path = place / "code_objects" / f"{name}_spike_thresholder_codeobject.cpp"
        code = path.read_text()
        start, end = code.index("for(size_t _idx=0; _idx<N; _idx++)"), code.index("if(_cond) {")
        body = code[code.index("{", start) + 1 : end]
        skim = f"""for(size_t _start=0; _start<N; _start+={BLOCK}) {{
        const size_t _stop = _start + {BLOCK} < N ? _start + {BLOCK} : N;
        int _any = 0;
        for(size_t _idx=_start; _idx<_stop; _idx++) {{ {body} _any |= _cond; }}
        if(!_any) continue;
        for(size_t _idx=_start; _idx<_stop; _idx++)"""
        close = (
            code.index("_array_" + name + "__spikespace[N]", end)
            if f"_array_{name}__spikespace[N]" in code[end:]
            else None
        )
        if close is None:
            raise RuntimeError(f"Brian2 writes the threshold of {name} differently")
        close = code.rindex("}", end, close) + 1
        path.write_text(code[:start] + skim + code[code.index("{", start) : close] + "}" + code[close:])


def _quote(header: str) -> str:
    return f'"{header}"' if header.endswith(".h") else f"<{header}>"


if __name__ == "__main__":
    order = json.load(sys.stdin)
    place = Path(order["place"])
    # JSON has no tuples.
    whole = {
        name: tuple(map(tuple, value))
        if name == "synapses"
        else tuple(value)
        if isinstance(value, list)
        else value
        for name, value in order["structure"].items()
    }
    made = write_sources(Structure(**whole), place, order["flags"] and tuple(order["flags"]), order["single"])
    (place / "manifest.json").write_text(json.dumps(made))
