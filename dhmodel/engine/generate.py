"""Write the C++ project of a circuit with Brian2's standalone device, ready to be compiled."""

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import brian2 as b2
import numpy as np
from brian2.codegen.generators.cpp_generator import CPPCodeGenerator
from brian2.core.functions import DEFAULT_FUNCTIONS
from brian2.devices.cpp_standalone.device import CPPStandaloneDevice as Device
from numpy.typing import NDArray

from dhmodel.circuit.network import make_network
from dhmodel.circuit.structure import DELAYED, PATHWAYS, Structure
from dhmodel.engine.functions import compiled_functions
from dhmodel.engine.integrator import frozen_exponential

__all__ = ["edit", "write_sources"]

#: Code objects whose loops over cells cost most of a run, besides those of the A current.
HOT = ("cells_stateupdater", "calcium_and_can", "slow")

#: Loop over cells (pattern, replacement): its arrays do not overlap, which else is checked before every step.
DISJOINT = (r"for\(int _idx=0; _idx<_N; _idx\+\+\)", r"#pragma GCC ivdep\n    \g<0>")

#: Loop over the cells that may have an A current (pattern, replacement): it ends with the last that has one.
#: They stand first, and their number, which parameters set, is no matter of the compiled code.
FILLED = (
    r"const int _N = N;",
    """static const int _N = [&] {
        int number = N;
        while (number > 0 && _ptr_array_cells_g_a[number - 1 + START] == 0) number--;
        return number;
    }();""",
)

#: Noise of the slow step: the row is found once, not once per cell. The last match is the loop's.
ROW = (r"(?P<before>.*// vector code.*)white_noise\(i, t\)", r"\g<before>_noise[_idx]")
ROW_START = (r"#pragma GCC ivdep", r"const float* const _noise = dhmodel::noise_row(t);\n    \g<0>")

#: Which clocks are due: marked once per step, instead of looked up in a set for every code object.
CLOCKS = (
    r"const bool should_check_time",
    """const std::vector<BaseClock*> all(clocks.begin(), clocks.end());
    std::vector<char> due(all.size());
    std::vector<size_t> which;
    for (const auto &object : objects)
        which.push_back(std::find(all.begin(), all.end(), object.first) - all.begin());
    \\g<0>""",
)
STEP = (
    r"for\(size_t i=0; i<objects\.size\(\); i\+\+\)\s*\{\s*BaseClock \*obj_clock.*?clock = next_clocks\(\);",
    """for (size_t c = 0; c < all.size(); c++) due[c] = fabs(all[c]->t[0] - t) <= Clock_epsilon;
        for (size_t i = 0; i < objects.size(); i++)
            if (due[which[i]] && objects[i].second) objects[i].second();
        for (size_t c = 0; c < all.size(); c++)
            if (due[c]) all[c]->tick();
        const auto earlier = [](BaseClock *a, BaseClock *b) { return a->t[0] < b->t[0]; };
        clock = *std::min_element(all.begin(), all.end(), earlier);""",
)

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

#: Allocation of a variable's array (type, number).
ALLOCATED = re.compile(r"new (\w+)\[(\d+)\]")

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
    "exponential.h",
    "feed.h",
    "memory.h",
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
    if single:
        exp = DEFAULT_FUNCTIONS["exp"].implementations
        exp.add_implementation(CPPCodeGenerator, code=None, name="exponential")
    b2.set_device("cpp_standalone", build_on_run=False, directory=str(place))
    _set_preferences(flags, single)
    network = make_network(
        structure, _placeholder_wiring(structure), compiled_functions(), frozen_exponential
    )
    delays = _placeholder_delays(network)
    network.run(FOREVER * b2.second)
    device = b2.get_device()
    device.build(run=False, compile=False, directory=str(place), with_output=False)
    ranges = {f"a_current_{name}": start for name, start, _ in structure.a_current}
    _precompile(place, (*HOT, *ranges) if single else ())
    for name, start in {**ranges, "calcium_and_can": structure.wdr[0]}.items():
        edit(place / "code_objects" / f"{name}_codeobject.cpp", LOOKUP, f"= _idx + {start};")
    for name, start in ranges.items():
        pattern, replacement = FILLED
        edit(
            place / "code_objects" / f"{name}_codeobject.cpp",
            pattern,
            replacement.replace("START", str(start)),
        )
    for name in ("cells", "sources"):
        edit(place / "code_objects" / f"{name}_spike_thresholder_codeobject.cpp", *SKIM)
    for name in (*HOT, *ranges):
        edit(place / "code_objects" / f"{name}_codeobject.cpp", *DISJOINT)
    edit(place / "code_objects" / "slow_codeobject.cpp", *ROW)
    edit(place / "code_objects" / "slow_codeobject.cpp", *ROW_START)
    edit(place / "network.cpp", *CLOCKS)
    edit(place / "network.cpp", *STEP)
    static = _static_files(device, [name for name in PATHWAYS if name in network], delays)
    variables = _variables(device, network)
    _write_less(place, _state_files(network, variables))
    _spread(place)
    sizes = _number_of_values(structure, network, [*static, *variables])
    return {"static": static, "variables": variables, "sizes": sizes, "flags": flags, "single": single}


def _state_files(network: b2.Network, variables: Mapping[str, tuple[str, str]]) -> set[str]:
    """Files of what a run changes: states and spikes, neither parameters nor synapses."""
    owned = {name: name.split(".") for name in variables}
    return {
        variables[name][0]
        for name, (owner, variable) in owned.items()
        if owner not in PATHWAYS and not network[owner].variables[variable].constant
    }


def _write_less(place: Path, files: set[str]) -> None:
    """Let the binary write these files only: making all the others costs more than a short run."""
    code = (place / "objects.cpp").read_text()
    start = code.index("void _write_arrays()")
    body = code[start : code.index("\n}\n", start)]
    first, *parts = re.split(r"(?=\n *ofstream )", body)
    kept = [part for part in parts if any(f'"{file}"' in part for file in files)]
    if len(kept) != len(files):
        raise RuntimeError("this version of Brian2 writes its results differently")
    (place / "objects.cpp").write_text(code.replace(body, first + "".join(kept)))


def _spread(place: Path) -> None:
    """Let the arrays of variables lie in memory as ``memory.h`` says."""
    code, number = ALLOCATED.subn(r"dhmodel::spread<\1>(\2)", (place / "objects.cpp").read_text())
    if not number:
        raise RuntimeError("this version of Brian2 allocates its arrays differently")
    (place / "objects.cpp").write_text(code)


def _set_preferences(flags: tuple[str, ...] | None, single: bool) -> None:
    b2.prefs.reset_to_defaults()  # the user's own would change the binary behind the back of the cache
    b2.prefs.core.default_float_dtype = np.float32 if single else np.float64
    b2.prefs.codegen.cpp.include_dirs = [*b2.prefs.codegen.cpp.include_dirs, str(Path(__file__).parent)]
    ours = ['"exponential.h"', '"feed.h"', '"memory.h"', '"network.h"']
    b2.prefs.codegen.cpp.headers = [*b2.prefs.codegen.cpp.headers, *ours]
    if flags is not None:
        b2.prefs.codegen.cpp.extra_compile_args_gcc = ["-w", "-std=c++17", *flags]
        if "-ffast-math" in flags:
            b2.prefs.codegen.cpp.extra_link_args = [*b2.prefs.codegen.cpp.extra_link_args, "-ffast-math"]


def _sizes(structure: Structure) -> dict[str, int]:
    return {
        "cells": structure.cells,
        "sources": structure.sources,
        **{name: span[1] - span[0] for name, span in structure.spans().items()},
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


def _precompile(place: Path, single: tuple[str, ...]) -> None:
    """Let make parse the common headers once, and keep the constants of some loops in single precision."""
    (place / "common.hpp").write_text("".join(f"#include {_quote(header)}\n" for header in PRECOMPILED))
    edit(place / "makefile", r"-MMD -MP", "-include common.hpp $(LITERALS) -MMD -MP")
    with open(place / "makefile", "a") as makefile:
        makefile.write("\nLITERALS =\n$(OBJS): common.hpp.gch\ncommon.hpp.gch: common.hpp\n")
        makefile.write("\t$(CXX) $(filter-out -c,$(CXXFLAGS)) -x c++-header $< -o $@\n")
        for name in single:
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
