"""Problems: what they count, how they read and print, and what is refused with which words."""

import math

import oracles
import pytest
from hypothesis import given

from simulator.errors import ProblemError
from simulator.problem import Problem, Rank, Tensor, convolution
from simulator.problem_file import read_problem

SIZES = {"dims": {"M": 3, "K": 4}, "output": "o"}


def plain(**changes):
    """A matrix-vector product in the form of the counting cases, with some fields changed."""
    tensors = {
        "a": [{"coefficients": {"M": 1}}, {"coefficients": {"K": 1}}],
        "b": [{"coefficients": {"K": 1}}],
        "o": [{"coefficients": {"M": 1}}],
    }
    return {**SIZES, "tensors": tensors, **changes}


def refused(data, words):
    with pytest.raises(ProblemError, match=words):
        Problem.from_dict(data)


def test_a_convolution_has_the_ranks_of_its_loops():
    problem = convolution(n=2, m=3, c=4, p=5, q=6, r=3, s=2, stride=(2, 3), dilation=(1, 4))
    assert problem.macs == 2 * 3 * 4 * 5 * 6 * 3 * 2
    assert problem.shape("weights") == (1, 3, 4, 3, 2)
    assert problem.shape("inputs") == (2, 1, 4, 2 * 4 + 2 + 1, 3 * 5 + 4 * 1 + 1)
    assert problem.shape("outputs") == (2, 1, 3, 5, 6)


def test_a_problem_prints_as_its_sum():
    problem = Problem.from_dict(plain())
    assert str(problem) == "o[m] += a[m][k] * b[k]   (M=3, K=4)"
    assert "inputs[n][g][c][2p+r][2q+s]" in str(convolution(stride=(2, 2)))


@given(oracles.problems())
def test_plain_data_reads_back_equal(problem):
    assert Problem.from_dict(problem.to_dict(), problem.name) == problem


@given(oracles.problems())
def test_a_shape_counts_every_coordinate_up_to_the_last(problem):
    for tensor in problem.tensor_names:
        zero = dict.fromkeys(problem.extents, 0)
        words = oracles.tile(problem, tensor, zero, problem.extents, clip=False)
        last = tuple(max(word[i] for word in words) for i in range(len(problem.tensor(tensor).ranks)))
        assert problem.shape(tensor) == tuple(1 + x for x in last)
        assert problem.macs == math.prod(problem.extents.values())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"dim": {}}, "unknown field 'dim'; did you mean 'dims'"),
        ({"dims": {"M": 0, "K": 4}}, "extent of dimension M must be from 1 to"),
        ({"dims": {"M": 2.5, "K": 4}}, "extent of dimension M must be a whole number .* not 2.5"),
        ({"dims": {"M": True, "K": 4}}, "extent of dimension M must be a whole number"),
        ({"dims": {"M": 2**31, "K": 2**31 + 1}}, "extent of dimension K must be from 1 to"),
        ({"dims": {"M": 2**31, "K": 2**31, "J": 2}}, "too many to count exactly"),
        ({"dims": {}}, "1 to 10 dimensions, not 0"),
        ({"dims": {"M ": 3, "K": 4}}, "dimension name 'M ' must be letters"),
        ({"dims": [3]}, "dims must be a mapping of names to values, not list"),
        ({"output": "p"}, "output 'p' is no tensor"),
        ({"tensors": {"o": [{"coefficients": {"M": 1}}]}}, "1 to 6 operands, not 0"),
        ({"tensors": {"a": {}, "o": []}}, "tensor 'a' must be a list of ranks, not dict"),
    ],
)
def test_what_makes_no_problem_is_refused(change, words):
    refused(plain(**change), words)


@pytest.mark.parametrize(
    ("rank", "words"),
    [
        ({}, "tensor 'a' rank 0: field 'coefficients' is missing"),
        ({"coefficients": {"m": 1}}, "no dimension 'm'; did you mean|no dimension 'm'; known"),
        ({"coefficients": {"M": 0}}, "coefficient of M must be from 1"),
        ({"coefficients": {}}, "sums one or two dimensions, not 0"),
        ({"coefficients": {"M": 1}, "data": {"first": 0}}, "field 'count' is missing"),
        ({"coefficients": {"M": 1}, "data": {"first": -1, "count": 1}}, "first coordinate of data must be"),
        ({"coefficients": {"M": 2**30, "K": 2**30}}, "reaches coordinate .* at most 2\\*\\*31"),
    ],
)
def test_what_makes_no_rank_is_refused(rank, words):
    tensors = {"a": [rank], "o": [{"coefficients": {"M": 1}}]}
    refused(plain(tensors=tensors), words)


def test_a_dimension_sits_in_one_rank_of_a_tensor():
    ranks = [{"coefficients": {"M": 1}}, {"coefficients": {"M": 1, "K": 1}}]
    refused(plain(tensors={"a": ranks, "o": [{"coefficients": {"M": 1}}]}), "sits in two ranks of one tensor")


def test_a_rank_of_the_output_has_one_dimension():
    ranks = [{"coefficients": {"M": 1, "K": 1}}]
    refused(plain(tensors={"a": ranks, "o": ranks}), "a rank of the output has one dimension")


def test_names_are_given_once():
    one = Tensor("a", (Rank((("M", 1),)),))
    with pytest.raises(ProblemError, match="a tensor is named twice"):
        Problem("twice", (("M", 2),), (one, one), "a")
    with pytest.raises(ProblemError, match="a dimension is named twice"):
        Problem("twice", (("M", 2), ("M", 2)), (one, Tensor("o", one.ranks)), "o")


def test_widths_and_densities_have_limits():
    rank = (Rank((("M", 1),)),)
    with pytest.raises(ProblemError, match="bits of 'a' must be from 1"):
        Problem("wide", (("M", 2),), (Tensor("a", rank, bits=0), Tensor("o", rank)), "o")
    with pytest.raises(ProblemError, match=r"density of 'a' must be in \(0, 1\], not 1.5"):
        Problem("dense", (("M", 2),), (Tensor("a", rank, density=1.5), Tensor("o", rank)), "o")


def test_widths_and_densities_stand_in_the_form():
    own = convolution(m=2).with_bits({"inputs": 5}).with_densities({"weights": 0.5})
    data = own.to_dict()
    assert (data["bits"], data["densities"]) == ({"inputs": 5}, {"weights": 0.5})
    assert Problem.from_dict(data, own.name) == own
    assert not {"bits", "densities"} & convolution().to_dict().keys()
    wrong = [({"input": 5}, "did you mean 'inputs'"), ({"inputs": None}, "whole number"), (5, "a mapping")]
    for bits, said in wrong:
        with pytest.raises(ProblemError, match=said):
            Problem.from_dict({**data, "bits": bits})


def test_an_unknown_tensor_is_named_with_the_nearest():
    with pytest.raises(ProblemError, match="no tensor 'weight'; did you mean 'weights'"):
        convolution().tensor("weight")


def test_a_file_holds_a_convolution(tmp_path):
    file = tmp_path / "layer.yaml"
    file.write_text("convolution: {m: 4, C: 3, p: 5, q: 5, r: 3, s: 3, stride: 2, row_data: [1, 9]}\n")
    assert read_problem(file) == convolution(
        "layer", m=4, c=3, p=5, q=5, r=3, s=3, stride=(2, 2), row_data=(1, 9)
    )


def test_a_file_may_have_widths_of_its_own(tmp_path):
    file = tmp_path / "layer.yaml"
    file.write_text("convolution: {m: 4}\nbits: {weights: 4}\n")
    assert read_problem(file) == convolution("layer", m=4).with_bits({"weights": 4})


def test_a_file_holds_a_problem(tmp_path):
    file = tmp_path / "p.yaml"
    file.write_text(
        "dims: {M: 2}\ntensors: {a: [{coefficients: {M: 1}}], o: [{coefficients: {M: 1}}]}\noutput: o\n"
    )
    assert read_problem(file).macs == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("convolution: {m: 0}", "convolution: m must be from 1"),
        ("convolution: {m: two}", "convolution: m must be a whole number"),
        ("convolution: {stirde: 2}", "unknown field 'stirde'; did you mean 'stride'"),
        ("convolution: {stride: [1, 2, 3]}", "stride must be two numbers"),
        ("convolution: [1]", "must be a mapping"),
        ("convolution: {m: 1}\nbits: {weights: 0}", "bits of 'weights' must be from 1 to 4096"),
        ("convolution: {m: 1}\ndims: {}", "unknown field 'dims'"),
        ("[1, 2]", "must be a mapping"),
        ("dims: {M: 1}", "field 'output' is missing"),
    ],
)
def test_a_wrong_file_says_where(tmp_path, text, words):
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(ProblemError, match=words) as error:
        read_problem(file)
    assert "bad.yaml" in str(error.value)


def test_a_size_given_twice_is_refused(tmp_path):
    file = tmp_path / "p.yaml"
    file.write_text("convolution: {m: 3, M: 4}\n")
    with pytest.raises(ProblemError, match="m is given twice"):
        read_problem(file)


def test_data_past_the_end_is_refused(tmp_path):
    file = tmp_path / "p.yaml"
    file.write_text("convolution: {p: 3, r: 2, row_data: [9, 2]}\n")
    with pytest.raises(ProblemError, match="row_data begins at 9, past the last of the 4 coordinates"):
        read_problem(file)
