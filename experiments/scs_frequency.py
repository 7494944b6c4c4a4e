"""
Tonic SCS frequency x state of the cord x test stimulus: what WDR and projection neurons fire.

The same as ``dhmodel sweep scs_frequency``; axes and seeds stand in dhmodel/sweep/specs/scs_frequency.toml.
"""

import os

import dhmodel as dh
from dhmodel.plots import frequency_figure, save
from dhmodel.sweep.files import read_sweep
from dhmodel.sweep.report import report_table

RESULTS = "results/scs_frequency"


def main() -> None:
    """Run or resume the sweep, print its table, draw its figure."""
    experiment = read_sweep("scs_frequency")
    assert experiment.report is not None
    store, workers = f"{RESULTS}.zarr", os.cpu_count() or 1
    ds = dh.sweep(experiment.axes, **experiment.arguments, store=store, workers=workers)
    print(report_table(ds, experiment.report))
    for file in save(frequency_figure(ds, experiment.report.populations), RESULTS):
        print(f"saved {file}")


if __name__ == "__main__":
    main()
