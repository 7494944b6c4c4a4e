"""Spike trains from CSV files, Neo objects and Neo's files, and back, with nothing lost."""

import os
import pickle
import sys

import neo
import numpy as np
import pytest
import quantities as pq
from hypothesis import given
from hypothesis import strategies as st

from dhmodel.errors import InputError
from dhmodel.parameters.layout import FIBRE_CLASSES
from dhmodel.stimulation import neo_trains
from dhmodel.stimulation.interop import read_trains
from dhmodel.stimulation.trains import SpikeTrains

UNSORTED = "fibre,class,time\n0,AB,0.1\n1,AB,0.3\n0,AB,0.2\n1,AB,0.25\n"


@pytest.fixture
def trains() -> SpikeTrains:
    """The fibres 1 and 3 are silent; the times are no round numbers in binary."""
    return SpikeTrains([-0.1, 1 / 3, 0.1 + 0.2, 1.5], [0, 0, 2, 2], ["AB", "CP", "AB", "IA"])


@st.composite
def any_trains(draw) -> SpikeTrains:
    classes = draw(st.lists(st.sampled_from(FIBRE_CLASSES), min_size=1, max_size=12))
    second = st.floats(-1.0, 1e4, exclude_max=True)
    times = [sorted(draw(st.lists(second, max_size=4))) for _ in classes]
    return SpikeTrains(
        sum(times, []), np.repeat(np.arange(len(classes)), [len(one) for one in times]), classes
    )


def csv(folder, text):
    path = folder / "given.csv"
    path.write_text(text)
    return path


def same(a: SpikeTrains, b: SpikeTrains) -> bool:
    """To the last bit."""
    pairs = ((a.times.view(np.int64), b.times.view(np.int64)), (a.fibres, b.fibres), (a.classes, b.classes))
    return all(np.array_equal(one, other) for one, other in pairs)


def unit(times, units="s", t_stop=10.0, **about):
    return neo.SpikeTrain(times, units=units, t_stop=t_stop, **about)


class TestRoundTrip:
    @given(any_trains())
    def test_csv_loses_nothing(self, tmp_path_factory, drawn):
        path = tmp_path_factory.mktemp("trains") / "trains.csv"
        drawn.to_csv(path)
        assert same(read_trains(path, warmup="1 s"), drawn)

    @given(any_trains())
    def test_neo_loses_nothing(self, drawn):
        assert same(read_trains(drawn.to_neo(), warmup="1 s"), drawn)

    def test_a_file_of_neo_loses_nothing(self, tmp_path, trains):
        block = neo.Block()
        block.segments.append(trains.to_neo(start=-1.0, stop=2.0))
        neo.NeoMatlabIO(tmp_path / "trains.mat").write(block)
        assert same(read_trains(tmp_path / "trains.mat", warmup="1 s"), trains)

    def test_the_file_is_plain(self, tmp_path, trains):
        trains.to_csv(tmp_path / "trains.csv")
        assert (tmp_path / "trains.csv").read_text().splitlines() == [
            "fibre,class,time",
            "0,AB,-0.1",
            "0,AB,0.3333333333333333",
            "1,CP,",
            "2,AB,0.30000000000000004",
            "2,AB,1.5",
            "3,IA,",
        ]

    def test_a_name_that_would_not_be_read_as_csv_is_refused(self, tmp_path, trains):
        with pytest.raises(InputError, match=r"ends in \.csv"):
            trains.to_csv(tmp_path / "trains.txt")

    def test_neo_trains_say_what_they_are(self, trains):
        segment = trains.to_neo(start=-1.0, stop=2.0)
        third = segment.spiketrains[2]
        assert third.annotations == {"fibre": 2, "fibre_class": "AB"}
        assert (third.t_start, third.t_stop) == (-1 * pq.s, 2 * pq.s)

    def test_a_neo_span_need_not_begin_at_zero(self):
        late = SpikeTrains([6.0, 7.0], [0, 0], ["AB", "CP"])
        assert same(read_trains(late.to_neo(start=5.0)), late)
        silent = SpikeTrains([], [], ["AB"]).to_neo(start=5.0).spiketrains[0]
        assert (silent.t_start, silent.t_stop) == (5 * pq.s, 5 * pq.s)

    @pytest.mark.parametrize("span", [{"start": 0.0}, {"stop": 1.0}])
    def test_neo_span_must_hold_the_spikes(self, trains, span):
        with pytest.raises(InputError, match="spikes from -0.1 to 1.5 s"):
            trains.to_neo(**span)


class TestCsv:
    def test_rows_in_order_of_time_are_numbered_by_name(self, tmp_path):
        read = read_trains(csv(tmp_path, "time,class,fibre\n0.1,CP,10\n0.2,AB,9\n0.3,CP,10\n"))
        assert read.classes.tolist() == ["AB", "CP"]
        assert read.of("CP").times.tolist() == [0.1, 0.3]

    def test_names_that_are_words_count_in_the_order_of_the_file(self, tmp_path):
        read = read_trains(csv(tmp_path, "fibre,class,time\nzeta,CP,0.1\nalpha,AB,0.2\n\n"))
        assert read.classes.tolist() == ["CP", "AB"]

    def test_two_columns_do_if_classes_tells_the_rest(self, tmp_path):
        path = csv(tmp_path, "fibre,time\n3,0.1\n7,0.2\n")
        assert read_trains(path, {3: "AB", "7": "CP"}).classes.tolist() == ["AB", "CP"]

    def test_spreadsheets_mark_their_files(self, tmp_path):
        path = tmp_path / "given.csv"
        path.write_bytes(b"\xef\xbb\xbffibre, class ,time\r\n0, AB ,0.5\r\n")
        assert read_trains(path).times.tolist() == [0.5]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "given.csv: empty file, needs a header fibre,class,time"),
            ("fibre,class,time\n", "given.csv: holds no spike trains"),
            ("fibre,class\n0,AB\n", 'line 1: needs one column "time", has 0; the columns are fibre, class'),
            ("fibre,time,time\n0,1,2\n", 'line 1: needs one column "time", has 2'),
            ("fibre,class,time\n0,AB\n", "line 2: 2 fields, the header has 3"),
            ("fibre,class,time\n,AB,0.1\n", "line 2: no name of the fibre"),
            ("fibre,class,time\n0,AB,0.1\n\n0,AB,soon\n", 'line 4: time "soon" is not a number'),
            ("fibre,class,time\n0,AB,nan\n", "line 2: time nan is not finite"),
            ("fibre,class,time\n0,AB,-inf\n", "line 2: time -inf is not finite"),
            ("fibre,class,time\n0,AB,-0.5\n", "line 2: time -0.5 s is negative"),
            (UNSORTED, 'line 5: time 0.25 s of fibre "1" stands after 0.3 s'),
            ("fibre,class,time\n0,AB,0.1\n0,CP,0.2\n", 'line 3: fibre "0" is "CP", but "AB" in .*line 2'),
            (
                "fibre,class,time\n0,AZ,0.1\n",
                'unknown fibre class "AZ" in .* fibre "0"; allowed: IA, AB, AD, CP, CN',
            ),
            ("fibre,time\n4,0.1\n", 'line 2: no class of fibre "4"; tell it with classes'),
        ],
    )
    def test_bad_files_are_refused_with_the_line(self, tmp_path, text, message):
        with pytest.raises(InputError, match=message) as caught:
            read_trains(csv(tmp_path, text))
        assert "\n" not in str(caught.value)

    def test_a_file_of_bytes_is_no_csv(self, tmp_path):
        (tmp_path / "given.csv").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(InputError, match=r"given\.csv: not a CSV file"):
            read_trains(tmp_path / "given.csv")

    def test_a_missing_file_is_named(self):
        with pytest.raises(InputError, match='no file "nowhere.csv"'):
            read_trains("nowhere.csv")

    def test_segments_are_no_matter_of_csv(self, tmp_path):
        with pytest.raises(InputError, match="segment 1 asked for"):
            read_trains(csv(tmp_path, UNSORTED), segment=1)


class TestRange:
    """Times lie in [-warmup, duration)."""

    ROWS = "fibre,class,time\n0,AB,-0.5\n0,AB,2\n"

    def test_negative_times_fit_into_a_warmup_that_holds_them(self, tmp_path):
        path = csv(tmp_path, self.ROWS)
        assert read_trains(path, warmup="500 ms").times.tolist() == [-0.5, 2.0]
        with pytest.raises(InputError, match=r"line 2: time -0.5 s is negative, .* warm-up, here 0.4 s long"):
            read_trains(path, warmup="0.4 s")

    def test_the_duration_is_not_part_of_the_range(self, tmp_path):
        path = csv(tmp_path, self.ROWS)
        assert len(read_trains(path, warmup="1 s", duration="2.001 s")) == 2
        with pytest.raises(InputError, match=r"line 3: time 2\.0 s is out of range, .* duration of 2 s"):
            read_trains(path, warmup="1 s", duration="2 s")

    def test_neo_trains_obey_it_too(self):
        with pytest.raises(InputError, match=r"train 0, spike 1: time 2\.0 s is out of range"):
            read_trains([unit([1.0, 2.0], fibre_class="AB")], duration="2 s")


class TestNeo:
    def test_units_are_converted_and_the_zero_stays(self):
        train = neo.SpikeTrain([2500, 2750], units="ms", t_start=2 * pq.s, t_stop=3 * pq.s, fibre_class="AD")
        assert read_trains(train).times.tolist() == [2.5, 2.75]

    @pytest.mark.parametrize("wrap", [lambda one: [one], lambda one: (one,), lambda one: one])
    def test_one_train_is_enough(self, wrap):
        assert read_trains(wrap(unit([1.0], fibre_class="CN"))).classes.tolist() == ["CN"]

    def test_a_list_of_nothing_holds_nothing(self):
        with pytest.raises(InputError, match="trains: holds no spike trains"):
            read_trains([])

    def test_one_of_several_segments_is_chosen(self):
        block = neo.Block()
        block.segments.extend([neo.Segment() for _ in range(3)])
        for number in (1, 2):
            block.segments[number].spiketrains.append(unit([number], fibre_class="AB"))
        with pytest.raises(InputError, match="spike trains in segments 1, 2; choose one with segment"):
            read_trains(block)
        assert read_trains(block, segment=2).times.tolist() == [2.0]
        with pytest.raises(InputError, match="segment 3 of 3, needs 0 to 2"):
            read_trains(block, segment=3)

    @pytest.mark.parametrize("source", [5, None, [1.0, 2.0], {"a": 1}])
    def test_what_is_not_neo_is_refused(self, source):
        with pytest.raises(InputError, match=f"got a {type(source).__name__}, needs a path, neo.Block"):
            read_trains(source)

    def test_times_outside_their_own_span_are_refused(self):
        train = unit([1.0, 2.0], t_stop=3.0, fibre_class="AB")
        train.t_stop = 1.5 * pq.s
        with pytest.raises(
            InputError, match=r"train 0, spike 1: time 2\.0 s outside t_start to t_stop, 0 to 1\.5"
        ):
            read_trains([train])

    def test_unsorted_trains_are_refused(self):
        with pytest.raises(
            InputError, match=r'train 0, spike 2: time 2\.0 s of fibre "u" stands after 3\.0 s'
        ):
            read_trains([unit([1.0, 3.0, 2.0], name="u", fibre_class="AB")])

    def test_a_unit_that_is_no_time_is_refused(self):
        train = unit([1.0], fibre_class="AB").view(neo.SpikeTrain)
        train._dimensionality = pq.V.dimensionality
        with pytest.raises(InputError, match="train 0: its unit is not one of time"):
            read_trains([train])

    def test_files_that_neo_does_not_know_are_refused(self, tmp_path):
        (tmp_path / "trains.xyz").write_text("1")
        with pytest.raises(InputError, match=r"trains\.xyz: neither \.csv nor .* knows no such ending"):
            read_trains(tmp_path / "trains.xyz")

    def test_files_that_neo_cannot_read_say_why(self, tmp_path):
        (tmp_path / "trains.txt").write_text("no numbers")
        with pytest.raises(InputError, match=r"trains\.txt: neither .* \(AsciiSpikeTrainIO: "):
            read_trains(tmp_path / "trains.txt")

    def test_a_pickle_is_refused_and_its_code_not_run(self, tmp_path):
        class Code:
            def __reduce__(self):
                return os.mkdir, (str(tmp_path / "run"),)

        (tmp_path / "trains.pkl").write_bytes(pickle.dumps(Code()))
        with pytest.raises(InputError, match=r"trains\.pkl: PickleIO of Neo would run code"):
            read_trains(tmp_path / "trains.pkl")
        assert not (tmp_path / "run").exists()

    def test_a_folder_of_countless_files_is_refused(self, tmp_path, monkeypatch):
        monkeypatch.setattr(neo_trains, "_FILES", 2)
        for name in "abc":
            (tmp_path / name).touch()
        with pytest.raises(InputError, match=r"a folder of more than 2 files; name that of the recording"):
            read_trains(tmp_path)

    def test_text_files_go_to_the_reader_of_spike_trains(self, tmp_path):
        """Neo's first reader for this ending reads analog signals."""
        (tmp_path / "trains.txt").write_text("0.25\t0.5\n0.75\n")
        read = read_trains(tmp_path / "trains.txt", lambda name, about: "CP")
        assert (read.times.tolist(), read.n_fibres) == ([0.25, 0.5, 0.75], 2)

    def test_without_neo_one_line_names_the_extra(self, monkeypatch, tmp_path, trains):
        monkeypatch.setitem(sys.modules, "neo", None)
        (tmp_path / "trains.nix").touch()
        for act in (trains.to_neo, lambda: read_trains(tmp_path / "trains.nix"), lambda: read_trains([])):
            with pytest.raises(InputError, match=r"Neo is not installed; pip install 'dhmodel\[interop\]'"):
                act()

    def test_csv_does_without_neo(self, monkeypatch, tmp_path, trains):
        monkeypatch.setitem(sys.modules, "neo", None)
        trains.to_csv(tmp_path / "trains.csv")
        assert same(read_trains(tmp_path / "trains.csv", warmup="1 s"), trains)


class TestClasses:
    """Who says which class a fibre has."""

    @pytest.fixture
    def units(self):
        """Names, an annotation of text and one of numbers, and a train that is none of a fibre."""
        kinds = ("LTMR", "nociceptor", "noise")
        return [unit([i], name=f"u{i}", kind=kind, probe=10 + i) for i, kind in enumerate(kinds)]

    @pytest.mark.parametrize(
        ("classes", "by"),
        [
            ({"u0": "AB", "u1": "CP", "u2": None}, None),
            ({"LTMR": "AB", "nociceptor": "CP", "noise": None}, "kind"),
            ({10: "AB", 11: "CP", 12: None}, "probe"),
            (lambda name, about: {"u0": "AB", "u1": "CP"}.get(name), None),
            (lambda name, about: {10: "AB", 11: "CP"}.get(about["probe"]), None),
        ],
    )
    def test_names_annotations_or_a_function_do(self, units, classes, by):
        read = read_trains(units, classes, by=by)
        assert read.classes.tolist() == ["AB", "CP"]
        assert read.times.tolist() == [0.0, 1.0]

    def test_a_mapping_translates_what_the_file_states(self, tmp_path):
        path = csv(tmp_path, "fibre,class,kind,time\n0,A-beta,x,0.1\n1,C,y,0.2\n")
        assert read_trains(path, {"A-beta": "AB", "C": "CN"}).classes.tolist() == ["AB", "CN"]
        assert read_trains(path, {"x": "IA", "y": "AD"}, by="kind").classes.tolist() == ["IA", "AD"]
        assert read_trains(path, lambda name, about: "CP" if about["class"] == "C" else None).n_fibres == 1

    def test_the_name_goes_before_the_class_stated(self, tmp_path):
        path = csv(tmp_path, "fibre,class,time\n0,A,0.1\n1,A,0.2\n")
        assert read_trains(path, {"A": "AB", "1": "AD"}).classes.tolist() == ["AB", "AD"]

    def test_a_unit_that_the_mapping_misses_is_named(self, units):
        with pytest.raises(InputError, match='train 1: classes has no "u1"; it has u0, u3'):
            read_trains(units, {"u0": "AB", "u3": "CP"})
        with pytest.raises(InputError, match='train 2: classes has no "noise"'):
            read_trains(units, {"LTMR": "AB", "nociceptor": "CP"}, by="kind")

    def test_an_annotation_that_is_not_there_is_named(self, units):
        with pytest.raises(InputError, match='unknown annotation "knd" in .*train 0.*nearest: "kind"'):
            read_trains(units, {}, by="knd")

    @pytest.mark.parametrize("classes", [{"u0": "Ab"}, lambda name, about: "Ab"])
    def test_a_class_that_the_circuit_lacks_is_refused(self, units, classes):
        with pytest.raises(
            InputError, match='unknown fibre class "Ab" in .*train 0, fibre "u0"; .*nearest: "AB"'
        ):
            read_trains(units, classes)

    def test_leaving_out_everything_is_an_error(self, units):
        with pytest.raises(InputError, match="leaves out every one of its 3 fibres"):
            read_trains(units, lambda name, about: None)

    def test_what_is_left_out_need_not_be_in_order(self, units):
        units.append(unit([9.0, 1.0], name="u9"))
        assert read_trains(units, {"u0": "AB", "u1": None, "u2": None, "u9": None}).times.tolist() == [0.0]
