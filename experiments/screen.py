"""
Screen the acute findings of the horn over many parameters at once, and search a set that most of them pass.

``python experiments/screen.py card [PATH=VALUE ...]`` asks the findings on `CORDS` cords of one set (values
in SI units) and prints every number with its criterion and the chance that five unseen cords meet it;
``python experiments/screen.py search SETS`` asks them on every row of a design, fits linear models and tries
so many sets. Runs are kept in ``results/screen``; a command that was interrupted goes on where it was.

Objective: the number of findings expected to pass on five unseen cords, each finding with the product of the
chances of its criteria, each of those from the mean of the number over cords and its spread between them
(normal distribution). All findings are asked of one set and count the same; nothing is tuned for one of them.
Parameters and their steps: `FACTORS`; a parameter moves by `REACH` steps at most. Method: a two-level design
(`scipy.linalg.hadamard`, 32 rows, every parameter moved in each, so that every effect is estimated from all
rows; Plackett and Burman 1946 Biometrika 33:305), its four blocks one cord each; linear models of the numbers
on the logarithms of the parameters by least squares, corrected by each set that is tried (Broyden 1965 Math
Comp 19:577); the maximum of the objective within `TRUSTED` steps of the best set so far by
`scipy.optimize.differential_evolution`. Seed 1000 and those after it, which no test and no finding uses.
Needs scipy (extra ``fibres``).
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.linalg import hadamard
from scipy.optimize import differential_evolution
from scipy.special import ndtr

from dhmodel.errors import InputError
from dhmodel.evidence.judging.validation import answer, needed
from dhmodel.evidence.ledger import Finding, Protocol, findings
from dhmodel.evidence.running.kept import Kept
from dhmodel.evidence.running.units import run_units
from dhmodel.parameters.registry import Registry, load, using
from dhmodel.parameters.schema import StateEntry
from dhmodel.units import format_si, scale

SEED, WORKERS, CORDS, ROWS, UNSEEN = 1000, 2, 5, 32, 5
#: Spread taken for a number that is the same in all cords seen, as a share of it.
ALIKE = 0.2
#: How far a factor may go in all, and from one set to the next, in steps.
REACH, TRUSTED = 2.0, 0.7
#: Less far: GABA-A of injured cells is below the 0.5 to 0.7 of P122 already, which were a guess.
NEARER = {"snl gaba_a": 1.0}
KEPT = Kept(Path("results/screen"))
TRIED = KEPT.folder / "tried.json"

#: Findings that belong to the acute horn but to no area ``scs``.
BESIDE = ("P112_ht3_modalities", "P115_morphine_windup_rat", "P116_morphine_windup_depth")
#: Too slow for a design: 1 kHz for a whole train.
SLOW = ("shechter2013_windup_1kHz_null",)

#: What moves together, by a name: paths (a state's value as ``state:path``) and the step of the logarithm.
FACTORS: dict[str, tuple[tuple[str, ...], float]] = {
    "AB>PV": (("connection.AB.GABA_PV.ampa",), 0.1),
    "AB>GLY": (("connection.AB.GLY.ampa",), 0.1),
    "AB>WDR": (("connection.AB.WDR.ampa",), 0.1),
    "AB>TAC nmda": (("connection.AB.TAC.nmda",), 0.08),
    "AB>TAC steady": (("connection.AB.TAC.steady",), 0.2),
    "TAC>EX nmda": (("connection.TAC.EX.nmda",), 0.1),
    "TAC>EX ampa": (("connection.TAC.EX.ampa",), 0.3),
    "PV>TAC glycine": (("connection.GABA_PV.TAC.glycine",), 0.15),
    "PV>TAC gaba_a": (("connection.GABA_PV.TAC.gaba_a",), 0.2),
    "PV>TAC gaba_b": (("connection.GABA_PV.TAC.gaba_b",), 0.25),
    "gaps": (("connection.GABA_PV.TAC.gap", "connection.GLY.WDR.gap"), 0.15),
    "GLY>WDR glycine": (("connection.GLY.WDR.glycine",), 0.2),
    "GLY>WDR gaba_a": (("connection.GLY.WDR.gaba_a",), 0.3),
    "PV>WDR gaba_a": (("connection.GABA_PV.WDR.gaba_a",), 0.2),
    "PV>WDR gaba_b": (("connection.GABA_PV.WDR.gaba_b",), 0.3),
    "PV>C gaba_b": (("connection.GABA_PV.CP.gaba_b", "connection.GABA_PV.CN.gaba_b"), 0.3),
    "depletion": (("terminal.GABA_PV.depression", "terminal.GLY.depression"), 0.25),
    "DYN>WDR": (("connection.GABA_DYN.WDR.gaba_a",), 0.2),
    "EX>WDR": (("connection.EX.WDR.ampa", "connection.EX.WDR.nmda"), 0.1),
    "AD>WDR": (("connection.AD.WDR.ampa",), 0.15),
    "EX>PN": (("connection.EX.PN.ampa", "connection.EX.PN.nmda"), 0.1),
    "C>EX": (("connection.CP.EX.ampa", "connection.CN.EX.ampa"), 0.1),
    "ISL>EX": (("connection.GABA_ISL.EX.gaba_a",), 0.2),
    "AB>DYN": (("connection.AB.GABA_DYN.ampa",), 0.15),
    "WDR bias": (("cell.WDR.bias",), 0.06),
    "snl gaba_a": (("snl:injury.gaba_a",), 0.12),
    "snl kcc2": (("snl:injury.kcc2",), 0.1),
}


def asked() -> dict[str, Finding]:
    """Findings of the acute horn, whose protocols are runs alone."""
    known = findings()
    return {
        name: one
        for name, one in known.items()
        if name not in SLOW
        and (name in BESIDE or (one.area.startswith("scs/") and one.use == "physiology"))
        and isinstance(one.protocol, Protocol)
        and not one.protocol.joined()
    }


def altered(changes: Mapping[str, float]) -> Registry:
    """Present defaults and presets with some SI values changed; a state's as ``state:path``."""
    registry = load()
    parameters, states = dict(registry.parameters), dict(registry.states)
    for where, si in changes.items():
        state, _, path = where.rpartition(":")
        one = registry.parameter(path)
        if state:
            stated = si if one.unit == "1" else format_si(si, one.unit)
            for name in _sharing(registry, state, path):
                states[name] = _preset(states[name], path, stated)
        else:
            parameters[path] = replace(one, si=si, value=si / scale(one.unit))
    return replace(registry, parameters=parameters, states=states)


def _sharing(registry: Registry, state: str, path: str) -> list[str]:
    """A state, and those that are like it and have the same value."""
    found = [state]
    for name, entry in registry.states.items():  # a state stands after the one that it is like
        if entry.like in found and entry.set.get(path) == registry.states[state].set.get(path):
            found.append(name)
    return found


def _preset(entry: StateEntry, path: str, value: object) -> StateEntry:
    return entry.model_copy(update={"set": {**entry.set, path: value}})


def present(where: str) -> float:
    """SI value that a parameter has now, by default or in a state."""
    state, _, path = where.rpartition(":")
    one = load().parameter(path)
    return float(one.check(load().states[state].set[path]) if state else one.si)


def moved(steps: Mapping[str, float]) -> dict[str, float]:
    """SI values after so many steps of each factor."""
    return {
        where: present(where) * float(np.exp(steps.get(name, 0.0) * step))
        for name, (paths, step) in FACTORS.items()
        for where in paths
        if steps.get(name, 0.0)
    }


def numbers(changes: Mapping[str, float], cords: Sequence[int]) -> dict[tuple[str, str], np.ndarray]:
    """Number of every criterion by cord; NaN where it cannot be computed."""
    with using(altered(changes)) if changes else nullcontext():
        wanted = {
            (name, cord): needed(name, one, 1, SEED + cord) for name, one in asked().items() for cord in cords
        }
        run_units([unit for one in wanted.values() for unit in one], KEPT, WORKERS)
        found = {}
        for name, one in asked().items():
            each = [answer(name, one, wanted[name, cord], SEED + cord, KEPT) for cord in cords]
            for criterion in one.criteria:
                found[name, criterion.value] = np.array([row[criterion.value].mean() for row in each])
    return found


def chances(bounds: np.ndarray, means: np.ndarray, sds: np.ndarray) -> np.ndarray:
    """Chance that the mean of unseen cords meets each criterion, given mean and spread of those seen."""
    # what is alike in all cords seen, such as a yes, may yet differ in others
    wide = np.where(sds > 0, sds, ALIKE * np.abs(means) + 1e-12) * np.sqrt(1 / UNSEEN + 1 / CORDS)
    bounds = bounds + np.array([[-1e-9], [1e-9]])
    low, high = ((side - means) / wide for side in bounds)
    return np.nan_to_num(ndtr(high) - ndtr(low))


def criteria() -> tuple[list[tuple[str, str]], np.ndarray, np.ndarray]:
    """Finding and number of every criterion, their bounds (2, criterion), and where each finding begins."""
    every = [(name, c) for name, one in asked().items() for c in one.criteria]
    low = [-np.inf if c.min is None else c.min for _, c in every]
    high = [np.inf if c.max is None else c.max for _, c in every]
    names = [name for name, _ in every]
    begins = [at for at, name in enumerate(names) if at == 0 or names[at - 1] != name]
    return [(name, c.value) for name, c in every], np.array([low, high]), np.array(begins)


def card(changes: Mapping[str, float]) -> None:
    """Print every number of one set."""
    keys, bounds, begins = criteria()
    found = stacked(numbers(changes, range(CORDS)), keys)
    means, sds = found.mean(axis=1), found.std(axis=1, ddof=1)
    each = chances(bounds, means, sds)
    passing = np.multiply.reduceat(each, begins)
    wanted = {(name, c.value): c for name, one in asked().items() for c in one.criteria}
    for at, key in enumerate(keys):
        if at in begins:
            print(f"{key[0]}  {passing[list(begins).index(at)]:.2f}")
        mark = "  " if wanted[key].holds(means[at]) else "**"
        cords = " ".join(f"{value:.3g}" for value in found[at])
        print(f"  {mark} {key[1]:22s} {means[at]:8.3g}  {wanted[key].wanted():16s} {each[at]:.2f}  {cords}")
    print(f"expected to pass: {passing.sum():.1f} of {len(passing)}")


def stacked(found: Mapping[tuple[str, str], np.ndarray], keys: Sequence[tuple[str, str]]) -> np.ndarray:
    """Numbers of shape (criterion, cord)."""
    return np.array([found[key] for key in keys])


def design() -> tuple[np.ndarray, list[int]]:
    """Signs of the factors, shape (row, factor), without columns of the blocks; and the cord of each row."""
    signs, per = hadamard(ROWS), ROWS // 4
    columns = [at for at in range(1, ROWS) if at not in (per, 2 * per, 3 * per)]
    return signs[:, columns[: len(FACTORS)]], [row // per for row in range(ROWS)]


def screened() -> list[dict[tuple[str, str], np.ndarray]]:
    """Numbers of every row."""
    signs, cords = design()
    rows = [dict(zip(FACTORS, map(float, row), strict=True)) for row in signs]
    return [numbers(moved(row), [cord]) for row, cord in zip(rows, cords, strict=True)]


def search(sets: int) -> None:
    """
    Try so many more sets, each the best by linear models that what was seen since has corrected.

    Steps of all sets tried are kept in ``results/screen/tried.json``: a later search goes on from them,
    unless the present values of the factors are others since.
    """
    keys, bounds, begins = criteria()
    signs, cords = design()
    terms = np.hstack([np.eye(4)[cords], signs])
    seen = np.array([stacked(row, keys)[:, 0] for row in screened()])
    slopes = np.array([_slopes(terms, one) for one in seen.T])
    tried = _tried()
    best, most = np.zeros(len(FACTORS)), -1.0
    means, sds = _asked_at(best, keys)
    for number in range(len(tried) + sets):
        if number == len(tried):
            tried.append(_best(best, (means, sds), slopes, bounds, begins).round(2).tolist())
            TRIED.write_text(json.dumps({"from": _from(), "steps": tried}))
        target = np.array(tried[number])
        found, spread = _asked_at(target, keys)
        if (step := target - best).any():  # Broyden 1965: the models hold between the best set and this one
            missed = np.nan_to_num(found - means - slopes @ step)
            slopes += np.outer(missed, step) / (step @ step)
        reached = _passing(bounds, begins, found, spread).sum()
        print(f"{reached:.2f} of {len(begins)} with {_steps(target)}", flush=True)
        print(" ".join(f"{where}={value:.6g}" for where, value in moved(_steps(target)).items()), flush=True)
        if reached > most:
            most, best, means, sds = reached, target, found, spread


def _tried() -> list[list[float]]:
    """Steps of the sets tried from the present values; the first is none."""
    kept = json.loads(TRIED.read_text()) if TRIED.is_file() else {}
    return kept["steps"] if kept.get("from") == _from() else [[0.0] * len(FACTORS)]


def _from() -> dict[str, float]:
    return {where: present(where) for paths, _ in FACTORS.values() for where in paths}


def _steps(x: np.ndarray) -> dict[str, float]:
    return dict(zip(FACTORS, x.tolist(), strict=True))


def _asked_at(x: np.ndarray, keys: Sequence[tuple[str, str]]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and spread over cords of every number after so many steps."""
    found = stacked(numbers(moved(_steps(x)), range(CORDS)), keys)
    return found.mean(axis=1), found.std(axis=1, ddof=1)


def _passing(bounds: np.ndarray, begins: np.ndarray, means: np.ndarray, sds: np.ndarray) -> np.ndarray:
    return np.multiply.reduceat(chances(bounds, means, sds), begins)


def _best(
    at: np.ndarray,
    known: tuple[np.ndarray, np.ndarray],
    slopes: np.ndarray,
    bounds: np.ndarray,
    begins: np.ndarray,
) -> np.ndarray:
    """Steps that the linear models think best, within a trusted reach of where they were last held."""
    means, sds = known

    def objective(x: np.ndarray) -> float:
        away = x - at
        return -_passing(bounds, begins, means + slopes @ away, sds).sum() + 0.02 * float(away @ away)

    most = np.array([NEARER.get(name, REACH) for name in FACTORS])
    low, high = np.maximum(at - TRUSTED, -most), np.minimum(at + TRUSTED, most)
    limits, begin = list(zip(low, high, strict=True)), np.clip(at, low + 1e-6, high - 1e-6)
    return differential_evolution(
        objective, limits, rng=SEED, maxiter=700, popsize=6, init="sobol", x0=begin
    ).x


def _slopes(terms: np.ndarray, seen: np.ndarray) -> np.ndarray:
    good = np.isfinite(seen)
    return np.linalg.lstsq(terms[good], seen[good], rcond=None)[0][4:]


def change(word: str) -> tuple[str, float]:
    """Path and SI value of ``PATH=VALUE``; ArgumentTypeError if that is not what it is."""
    where, _, value = word.partition("=")
    try:
        present(where)
        return where, float(value)
    except (InputError, KeyError, ValueError) as error:
        raise argparse.ArgumentTypeError(f'"{word}": needs PATH=VALUE ({error})') from error


def main() -> None:
    """Card or search, as the module's text says."""
    text = (__doc__ or "").strip()
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("card").add_argument("changes", nargs="*", type=change, metavar="PATH=VALUE")
    commands.add_parser("search").add_argument("sets", type=int, metavar="SETS")
    given = parser.parse_args()
    if given.command == "card":
        card(dict(given.changes))
    else:
        search(given.sets)


if __name__ == "__main__":
    main()
