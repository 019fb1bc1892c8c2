"""Values, ranges, grids and samples."""

import itertools
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.errors import SimulatorError
from simulator.study.sampling import Sample, combinations, read_range, read_values
from simulator.units import parse_bits


def grid(settings):
    return list(combinations(settings, None))


@pytest.mark.parametrize(
    ("given", "values"),
    [
        (8, [8]),
        ([8, 14, 28], [8, 14, 28]),
        (range(8, 11), [8, 9, 10]),
        (True, [True]),
        ([True, False], [True, False]),
        ("64KiB", ["64KiB"]),
        (["row_stationary", "weight_stationary"], ["row_stationary", "weight_stationary"]),
        ("8:32:8", [8, 16, 24, 32]),
        ("8:31:8", [8, 16, 24]),
        ("1:9:x3", [1, 3, 9]),
        ("0.5:1.5:0.5", [0.5, 1.0, 1.5]),
        ("-2:2:2", [-2, 0, 2]),
        ("16KiB:128KiB:x2", ["16 KiB", "32 KiB", "64 KiB", "128 KiB"]),
        ("512 B:2KiB:512B", ["512 B", "1 KiB", "1536 B", "2 KiB"]),
        ("8 words:24:8", ["8 words", "16 words", "24 words"]),
    ],
)
def test_the_values_of_a_grid(given, values):
    assert [point["f"] for point in grid({"f": given})] == values


def test_a_grid_is_every_combination():
    points = grid({"a": [1, 2, 3], "b": "1:2:1", "c": 7})
    assert [tuple(point.values()) for point in points] == list(itertools.product([1, 2, 3], [1, 2], [7]))
    assert grid({}) == [{}]


def test_a_list_of_points_is_taken_as_it_is():
    points = [{"a": 1}, {"a": 2, "b": 3}]
    assert list(combinations(points, None)) == points


whole = st.tuples(st.integers(1, 10**6), st.integers(1, 10**6)).filter(lambda ends: ends[0] < ends[1])
shares = st.floats(0, 1, exclude_max=True)


@given(whole, shares, st.sampled_from(["", ":log"]))
def test_whole_numbers_stay_whole_and_within(ends, share, scale):
    value = read_range(f"{ends[0]}:{ends[1]}{scale}", "f").at(share)
    assert type(value) is int and ends[0] <= value <= ends[1]


@given(whole, st.integers(1, 1000), shares, st.sampled_from(["", ":log"]))
def test_sizes_are_snapped_to_steps(ends, step, share, scale):
    value = read_range(f"{ends[0]}KiB:{ends[1]}KiB:{step}B{scale}", "f").at(share)
    low, high = (8192 * end for end in ends)
    assert low <= parse_bits(value) <= high and (parse_bits(value) - low) % (8 * step) == 0


@given(whole, shares)
def test_sizes_are_whole_units_of_the_lower_end(ends, share):
    value = read_range(f"{ends[0]}KiB:{ends[1]}KiB", "f").at(share)
    assert parse_bits(value) % 8192 == 0


@given(st.integers(1, 100), st.integers(2, 5), st.integers(1, 9), shares)
def test_factors_lead_to_powers(low, factor, most, share):
    range_ = read_range(f"{low}:{low * factor**most}:x{factor}", "f")
    assert range_.at(share) in range_.values("f")
    assert range_.values("f") == [low * factor**i for i in range(most + 1)]


def test_a_continuum_has_no_steps():
    drawn = read_range("0.5:2.0", "f")
    assert drawn.at(0.25) == pytest.approx(0.875)
    assert read_range("0.01:1.0:log", "f").at(0.5) == pytest.approx(0.1)


def test_every_whole_number_is_as_likely():
    drawn = [read_range("3:6", "f").at(i / 400) for i in range(400)]
    assert [drawn.count(value) for value in (3, 4, 5, 6)] == [100] * 4


@pytest.mark.parametrize("method", ["sobol", "latin-hypercube"])
def test_samples_fill_their_ranges_and_follow_their_seed(method):
    settings = {"x": "0:63", "y": "16KiB:1MiB:log", "z": ["a", "b"], "w": 5}
    first, again, other = (list(combinations(settings, Sample(method, 64, seed))) for seed in (1, 1, 2))
    assert first == again != other
    assert [set(point) for point in first] == [set(settings)] * len(first)
    # Both methods put one point into each of 64 equal strips.
    assert sorted(point["x"] for point in first) == list(range(64))
    assert {point["w"] for point in first} == {5}
    assert [point["z"] for point in first].count("a") == 32
    below = sum(parse_bits(point["y"]) <= parse_bits("128 KiB") for point in first)
    assert below == pytest.approx(32, abs=2)


def test_points_that_are_drawn_twice_are_there_once():
    assert sorted(point["x"] for point in combinations({"x": "1:3"}, Sample("sobol", 64))) == [1, 2, 3]


def test_a_sample_as_text():
    assert Sample.read("sobol:64") == Sample("sobol", 64, 0)
    assert Sample.read("latin-hypercube:200:7") == Sample("latin-hypercube", 200, 7)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("sobbol:64", "unknown sample 'sobbol'; did you mean 'sobol'"),
        ("sobol", "as 'sobol:64'"),
        ("sobol:64:1:2", "as 'sobol:64'"),
        ("sobol:-1", "as 'sobol:64'"),
        ("sobol:0", "must be a whole number from 1"),
        ("sobol:1000000", "must be a whole number from 1 to 100,000"),
        ("sobol:1" + "0" * 40, "as 'sobol:64'"),
        (64, "as 'sobol:64'"),
    ],
)
def test_wrong_samples_are_refused(source, words):
    with pytest.raises(SimulatorError, match=words):
        Sample.read(source)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ("8:64", "no step; add one, 8:64:STEP"),
        ("8:64:log", "no step"),
        ("64:8:8", "is empty; the smaller number comes first"),
        ("8:8:8", "is empty"),
        ("8:64:8:8", "more than one step"),
        ("8:64:0", "needs a step above 0"),
        ("8:64:x1", "needs a factor above 1"),
        ("8:64:xKiB", "has the step 'xKiB'"),
        ("8:64:", "has the step ''"),
        ("8:64:8KiB", "a step of another kind of unit"),
        ("8 words:64KiB:x2", "ends of two kinds of units"),
        ("0:64:x2", "begins at 0 or below"),
        ("1:100000000:1", "more than 100,000 values"),
        ([8, "8:64:8"], "a range stands alone"),
        ([], "has no values"),
        ([8, 8], "the value 8 is given twice"),
    ],
)
def test_wrong_values_are_refused(values, words):
    with pytest.raises(SimulatorError, match=words):
        grid({"f": values})


@pytest.mark.parametrize(
    ("settings", "sample", "words"),
    [
        ("array.x", None, "settings are fields with their values, or a list of points"),
        ([], None, "the list of points is empty"),
        ([{"a": 1}, 7], None, r"settings\[1\]: a point is fields with a value each"),
        ([{"a": 1}, {"a": 1}], None, r"settings\[1\]: the point is in the list already"),
        ({7: 1}, None, "a field is a name"),
        ([{"a": 1}], Sample("sobol", 4), "not from a list of points"),
        ({"a": 1}, Sample("sobol", 4), "a field of more than one value"),
        ({"a": "1:1000:1", "b": "1:1000:1"}, None, "the grid has 1,000,000 points, more than 100,000"),
    ],
)
def test_wrong_settings_are_refused(settings, sample, words):
    with pytest.raises(SimulatorError, match=words):
        list(combinations(settings, sample))


def test_numbers_of_other_libraries_become_plain():
    numpy = pytest.importorskip("numpy")
    assert [type(value) for value in read_values("f", numpy.array([1, 2]))] == [int, int]
    assert read_values("f", numpy.float64(0.5)) == [0.5]


def test_ends_and_steps_are_exact():
    assert read_range("0.1:0.3:0.1", "f").step == Fraction(1, 10)
    assert [point["f"] for point in grid({"f": "0.1:0.3:0.1"})] == [0.1, 0.2, 0.3]
