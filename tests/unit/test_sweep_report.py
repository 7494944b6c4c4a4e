"""The tables: percentages paired by seed, Hz where the baseline is silent, and how far a sweep is."""

import numpy as np
import pytest
import xarray as xr

from dhmodel.errors import InputError
from dhmodel.sweep.files import Report
from dhmodel.sweep.report import rate_table, report_table, shown, status_text

REPORT = Report(("WDR", "PN"), "tonic.frequency", "0 Hz")


@pytest.fixture
def ds():
    """Two seeds; in naive cord WDR falls to 50 and 70 % of its own baseline, PN is silent without pulses."""
    wdr = np.array([[[10, 20], [5, 14]], [[4, 4], [4, 8]]])  # state, frequency, replicate
    pn = np.array([[[0, 0.09], [1, 2]], [[1, 1], [3, 1]]])
    rate = np.stack([wdr, pn], axis=-1).astype(float)
    return xr.Dataset(
        {"rate": (("state", "tonic.frequency", "replicate", "population"), rate, {"units": "Hz"})},
        {
            "state": ["naive", "snl"],
            "tonic.frequency": ("tonic.frequency", [0.0, 1000.0], {"units": "Hz"}),
            "replicate": [0, 1],
            "population": ["WDR", "PN"],
        },
    )


def rows(table: str) -> list[str]:
    return [" ".join(line.split()) for line in table.splitlines()]


def test_each_seed_is_compared_with_its_own_baseline(ds):
    found = rows(report_table(ds, REPORT))
    assert found[0] == "WDR and PN firing in % of tonic.frequency = 0 Hz"
    assert "state = naive" in found and "state = snl" in found
    # 5/10 and 14/20: mean 60, sd sqrt(200); a ratio of means would be 63
    assert "1000 Hz 60.0 ± 14.1 % 1.50 ± 0.71 Hz" in found
    assert "1000 Hz 150.0 ± 70.7 % 200.0 ± 141.4 %" in found


def test_a_silent_baseline_is_shown_in_hz_and_says_so(ds):
    found = rows(report_table(ds, REPORT))
    assert "tonic.frequency WDR (100 % = 15 Hz) PN in Hz (a baseline < 0.05 Hz)" in found
    assert "0 Hz 100.0 ± 0.0 % 0.04 ± 0.06 Hz" in found
    assert "tonic.frequency WDR (100 % = 4 Hz) PN (100 % = 1 Hz)" in found


def test_a_missing_run_leaves_a_gap_and_no_wrong_number(ds):
    ds["rate"][0, 1, 0, 0] = np.nan
    assert "1000 Hz - 1.50 ± 0.71 Hz" in rows(report_table(ds, REPORT))


def test_one_seed_has_no_spread(ds):
    assert "1000 Hz 50.0 % 1.00 Hz" in rows(report_table(ds.isel(replicate=[0]), REPORT))


def test_columns_line_up(ds):
    lines = report_table(ds, REPORT).splitlines()
    assert len({len(line) for line in lines if "Hz" in line and line.startswith("  ")}) == 1


@pytest.mark.parametrize(
    "report, message",
    [
        (Report(("WDR",), "pag.drive", 0), 'the sweep has no axis "pag.drive"'),
        (Report(("WDR",), "tonic.frequency", "5 Hz"), "no baseline at 5"),
        (Report(("WDR",), "tonic.frequency", 0), "bare number"),
        (Report(("EX",), "tonic.frequency", "0 Hz"), 'unknown population "EX"'),
    ],
)
def test_a_report_on_what_is_not_there_is_refused(ds, report, message):
    with pytest.raises(InputError, match=message):
        report_table(ds, report)


def test_coordinates_are_shown_as_users_write_them():
    assert shown("tonic.frequency", 1000.0) == "1000 Hz"
    assert shown("recording.bin", 0.01) == "10 ms"
    assert shown("drugs.ap5", 0.5) == "0.5"
    assert shown("windup.number", np.int64(16)) == "16"
    assert shown("state", "snl") == "snl"


def test_rate_table(ds):
    found = rows(rate_table(ds.isel({"state": 0, "tonic.frequency": 0})))
    assert found == ["population rate sd (Hz per neuron, 2 replicates)", "WDR 15.000 7.071", "PN 0.045 0.064"]
    assert (
        rows(rate_table(ds.isel({"state": 0, "tonic.frequency": 0, "replicate": [0]})))[1] == "WDR 10.000 -"
    )


def test_rate_table_ends_with_what_was_sent(ds):
    one = ds.isel({"state": 0, "tonic.frequency": 0})
    sent = {"current": 1.6e-4, "ecap_multiple": 2, "perception_multiple": 1.9, "motor_multiple": 0.78}
    for name, value in (sent | {"charge_per_second": 1.61e-6}).items():
        one[name] = ("replicate", np.full(2, value))
    wanted = "stimulation 0.16 mA: 2 x ECAP, 1.9 x perception, 0.78 x motor threshold; 1.61 uC per s"
    assert rate_table(one).splitlines()[-1] == wanted
    one["current"] = ("replicate", np.zeros(2))
    assert "stimulation" not in rate_table(one)


def test_status_text():
    flags = {"flag_values": [0, 1, 2, 3], "flag_meanings": "pending running done failed"}
    ds = xr.Dataset(
        {
            "status": (("tonic.frequency", "replicate"), np.uint8([[2, 3], [1, 3], [0, 2]]), flags),
            "error": (("tonic.frequency", "replicate"), np.array([["", "boom"], ["", "bang"], ["", ""]])),
        },
        {"tonic.frequency": [0.0, 1.0, 50.0], "replicate": [0, 1]},
    )
    assert status_text(ds, most=1).splitlines() == [
        "tonic.frequency: 0 Hz, 1 Hz, 50 Hz",
        "replicate: 0, 1",
        "2 of 6 runs done (33%)",
        "1 pending",
        "1 running",
        "2 failed",
        "  tonic.frequency=0 Hz, replicate=1: boom",
        "  and 1 more",
    ]
    with pytest.raises(InputError, match="not the store of a sweep"):
        status_text(ds.drop_vars("status"))
