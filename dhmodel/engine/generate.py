"""Write the C++ project of a circuit with Brian2's standalone device, ready to be compiled."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import brian2 as b2
import numpy as np
from brian2.devices.cpp_standalone.device import CPPStandaloneDevice as Device
from numpy.typing import NDArray

from dhmodel.circuit.network import make_network
from dhmodel.circuit.structure import DELAYED, PATHWAYS, Structure
from dhmodel.engine.functions import compiled_functions
from dhmodel.engine.integrator import frozen_exponential

__all__ = ["edit", "write_sources"]

#: Code objects whose loops over cells cost most of a run.
HOT = ("cells_stateupdater", "a_current", "calcium_and_can")

#: Units per block of a threshold loop.
BLOCK = 64

#: Threshold loop (pattern, replacement): pass over blocks without a spike. The first pass is vectorised, the
#: second rare.
SKIM = (
    r"for\(size_t _idx=0; _idx<N; _idx\+\+\)\s*\{(?P<test>.*?)if\(_cond\)\s*\{(?P<note>[^{}]*)\}\s*\}",
    rf"""for(size_t _start=0; _start<N; _start+={BLOCK}) {{
        const size_t _stop = _start + {BLOCK} < N ? _start + {BLOCK} : N;
        int _any = 0;
        for(size_t _idx=_start; _idx<_stop; _idx++) {{ \g<test> _any |= _cond; }}
        if(!_any) continue;
        for(size_t _idx=_start; _idx<_stop; _idx++) {{ \g<test> if(_cond) {{ \g<note> }} }}
    }}""",
)

#: Lookup of a subgroup's index table. The subgroup is contiguous: with an offset instead, its loop can be
#: vectorised.
LOOKUP = r"= _ptr_array_\w+__sub_idx\[_idx\];"

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


def write_sources(
    structure: Structure, place: Path, flags: tuple[str, ...] | None, single: bool
) -> dict[str, Any]:
    """Generate the project in `place`.

    It leaves Brian2's device and preferences changed: run it in a process of its own.

    Parameters
    ----------
    structure : Structure
        What to compile.
    place : Path
        An empty folder.
    flags : tuple of str, or None
        Compiler flags; None for Brian2's own.
    single : bool
        States of the cells in single precision.

    Returns
    -------
    dict
        The manifest: ``static`` maps wiring and delay names to files read at start, ``variables`` maps every
        other name to the file written at the end and its type, ``sizes`` maps every name to its number of
        values (spikes excepted, whose number a run decides).

    Raises
    ------
    RuntimeError
        If this version of Brian2 generates code that we do not know how to change.
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
    for name, (start, _) in {"a_current": structure.delayed, "calcium_and_can": structure.wdr}.items():
        edit(place / "code_objects" / f"{name}_codeobject.cpp", LOOKUP, f"= _idx + {start};")
    for name in ("cells", "sources"):
        edit(place / "code_objects" / f"{name}_spike_thresholder_codeobject.cpp", *SKIM)
    static = _static_files(device, [name for name in PATHWAYS if name in network], delays)
    variables = _variables(device, network)
    sizes = _number_of_values(structure, network, [*static, *variables])
    return {"static": static, "variables": variables, "sizes": sizes, "flags": flags, "single": single}


def _set_preferences(flags: tuple[str, ...] | None, single: bool) -> None:
    b2.prefs.reset_to_defaults()  # the user's own would change the binary behind the back of the cache
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


def _placeholder_wiring(structure: Structure) -> dict[str, NDArray[np.int32]]:
    """Arrays of the right size and within range; every run brings its own."""
    sizes, wiring = _sizes(structure), {}
    for name, number in structure.synapses:
        if number == 0:
            continue
        for side, place in zip("ij", PATHWAYS[name], strict=True):
            wiring[f"{name}.{side}"] = (np.arange(number) % sizes[place]).astype(np.int32)
    return wiring


def _placeholder_delays(network: b2.Network) -> list[str]:
    """Give the central pathways one delay per synapse, whatever it is; returns their names."""
    names = []
    for synapses in network.objects:
        if isinstance(synapses, b2.Synapses) and synapses.name in DELAYED:
            synapses.delay = np.full(len(synapses), 1e-3) * b2.second
            names.append(synapses.name)
    return names


def _static_files(device: Device, pathways: list[str], delays: list[str]) -> dict[str, str]:
    """Find the files which the binary reads at its start."""
    files = {}
    for name in pathways:
        files[f"{name}.i"] = f"_static_array__array_{name}_sources"
        files[f"{name}.j"] = f"_static_array__array_{name}_targets"
    for name in delays:
        found = [key for key in device.static_arrays if name in key and "delay" in key]
        files[f"{name}.delay"] = "".join(found)
    if unknown := sorted(set(files.values()) ^ set(device.static_arrays)):
        raise RuntimeError(f"Brian2 names its static arrays differently: {', '.join(unknown)}")
    return files


def _variables(device: Device, network: b2.Network) -> dict[str, tuple[str, str]]:
    """Find the files to which the binary writes each variable at its end, and their types."""
    files = {}
    for owner in network.objects:
        if owner.name in ("cells", "sources", "spikes", *PATHWAYS):
            for name, variable in owner.variables.items():
                own = variable.owner is not None and variable.owner.name == owner.name
                if own and variable in device.arrays:
                    kind = np.dtype(variable.dtype).name
                    files[f"{owner.name}.{name}"] = device.get_array_filename(variable), kind
    return files


def _number_of_values(structure: Structure, network: b2.Network, names: list[str]) -> dict[str, int]:
    synapses, sizes = dict(structure.synapses), {}
    for name in names:
        owner, variable = name.split(".")
        if owner in synapses:
            sizes[name] = synapses[owner]
        elif owner != "spikes":
            sizes[name] = int(network[owner].variables[variable].size)
    return sizes


def _precompile(place: Path, single: bool) -> None:
    """Let make parse the common headers once, and keep the hot loops' constants in single precision."""
    (place / "common.hpp").write_text("".join(f"#include {_quote(header)}\n" for header in PRECOMPILED))
    edit(place / "makefile", r"-MMD -MP", "-include common.hpp $(LITERALS) -MMD -MP")
    with open(place / "makefile", "a") as makefile:
        makefile.write("\nLITERALS =\n$(OBJS): common.hpp.gch\ncommon.hpp.gch: common.hpp\n")
        makefile.write("\t$(CXX) $(filter-out -c,$(CXXFLAGS)) -x c++-header $< -o $@\n")
        for name in HOT if single else ():
            makefile.write(f"code_objects/{name}_codeobject.o: LITERALS = -fsingle-precision-constant\n")


def edit(path: Path, pattern: str, replacement: str) -> None:
    """Replace the one place in a generated file that matches `pattern`.

    Raises
    ------
    RuntimeError
        If there is none, or more than one.
    """
    code, number = re.subn(pattern, replacement, path.read_text(), flags=re.DOTALL)
    if number != 1:
        raise RuntimeError(f"this version of Brian2 writes {path.name} differently")
    path.write_text(code)


def _quote(header: str) -> str:
    return f'"{header}"' if header.endswith(".h") else f"<{header}>"


def _main() -> None:
    order = json.load(sys.stdin)
    place, flags, facts = Path(order["place"]), _frozen(order["flags"]), order["structure"]
    structure = Structure(**{name: _frozen(value) for name, value in facts.items()})
    (place / "manifest.json").write_text(json.dumps(write_sources(structure, place, flags, order["single"])))


def _frozen(value: Any) -> Any:
    """Turn lists back into tuples, which JSON does not have."""
    return tuple(_frozen(part) for part in value) if isinstance(value, list) else value


if __name__ == "__main__":
    _main()
