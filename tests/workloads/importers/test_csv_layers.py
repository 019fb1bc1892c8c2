"""Tables of layers: SCALE-Sim's forms, its rules for sizes, and what is refused."""

from __future__ import annotations

from math import ceil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import workloads as w
from workloads.importers.csv_layers import from_csv, read_csv

HEAD = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,\n"


def test_each_layer_has_an_input_of_its_own() -> None:
    net = from_csv(f"{HEAD}Conv1, 224, 224, 11, 11, 3, 96, 4,\n\nConv2, 27,27,5,5,96,256,1,\n", "alexnet")
    assert [(at.name, at.inputs) for at in net] == [
        ("Conv1_input", ()), ("Conv1", ("Conv1_input",)), ("Conv2_input", ()), ("Conv2", ("Conv2_input",)),
    ]  # fmt: skip
    assert (net.name, net.batch, net.biases) == ("alexnet", 1, 0)
    assert net["Conv2"].macs == 23 * 23 * 5 * 5 * 96 * 256


@given(
    size=st.integers(1, 40),
    width=st.integers(1, 40),
    tap=st.integers(1, 9),
    step=st.integers(1, 9),
    across=st.integers(1, 9),
)
def test_macs_are_those_of_scale_sim(size: int, width: int, tap: int, step: int, across: int) -> None:
    """Its ofmap is ceil((ifmap - filter + stride) / stride), and a MAC for every weight at every place."""
    size, width = size + tap, width + 1
    head = HEAD.replace("Strides,", "Stride height, Stride width,")
    net = from_csv(f"{head}a,{size},{width},{tap},1,5,6,{step},{across},")
    height, length = ceil((size - tap + step) / step), ceil((width - 1 + across) / across)
    assert net["a"].output_shape == (6, height, length)
    assert net.macs == height * length * tap * 5 * 6


FORMS = {
    "no last comma": HEAD + "a,9,9,3,3,2,4,1",
    "tabs": HEAD.replace(",", "\t") + "a\t9\t9\t3\t3\t2\t4\t1\t",
    "notes beyond an empty heading": HEAD.replace("\n", ",,Eh,Ew\n") + "a,9,9,3,3,2,4,1,,,7,7\n,,,,,,,,\n",
    "a comment": HEAD + "a,9,9,3,3,2,4,1,#dw",
    "columns by name": "layer,channels,num_filters,strides,ifmap_height,ifmapw,filter height,FILTER-WIDTH\n"
    "a,2,4,1,9,9,3,3",
    "other ends of lines": HEAD.replace("\n", "\r\n") + "a, 9, 9, 3, 3, 2, 4, 1,\r\n",
    "dense": HEAD.replace("\n", "Sparsity,\n") + "a,9,9,3,3,2,4,1,4:4,",
    "batch": HEAD.replace("\n", "Batch Size,\n") + "a,9,9,3,3,2,4,1,1,",
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_the_table(form: str) -> None:
    assert from_csv(FORMS[form])["a"].layer == w.Convolution("a", 4, 3, bias=False)


def test_a_file_is_named_and_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "net.csv").write_text(HEAD + "a,9,9,3,3,2,4,1,", "utf-8-sig")
    assert read_csv(tmp_path / "net.csv").name == "net"
    (tmp_path / "bad.csv").write_text(HEAD + "a,9,9,3,3,2,4,x,")
    with pytest.raises(w.WorkloadError, match=r"^.*bad\.csv: line 2: layer 'a': stride"):
        read_csv(tmp_path / "bad.csv")


def test_matrix_products() -> None:
    net = from_csv("Layer,M,N,K\nQKT,1024,512,64\nL,3,5,7,\n")
    assert net["QKT"].macs == 1024 * 512 * 64 and net["QKT"].weights == 512 * 64
    assert net["L"].input_shapes == ((3, 7),) and net["L"].output_shape == (3, 5)


def test_dp_in_a_name_is_a_depthwise_layer() -> None:
    net = from_csv(f"{HEAD}DP1, 9, 9, 3, 3, 8, 2, 1,")
    assert net["DP1"].layer == w.DepthwiseConvolution("DP1", 3, multiplier=2, bias=False)
    assert net.macs == 7 * 7 * 9 * 8 * 2


def test_names_may_repeat() -> None:
    net = from_csv(f"{HEAD}a,9,9,3,3,2,4,1,\na,9,9,3,3,2,4,1,\n")
    assert [at.name for at in net] == ["a_input", "a", "a_input_2", "a_2"]


def test_the_batch_is_the_callers_or_the_tables() -> None:
    head = HEAD.replace("\n", "Batch Size,\n")
    assert from_csv(f"{head}a,9,9,3,3,2,4,1,6,").batch == 6
    assert from_csv(f"{head}a,9,9,3,3,2,4,1,6,\nb,9,9,3,3,2,4,1,7,", batch=2).batch == 2
    with pytest.raises(w.WorkloadError, match=r"batches of \[6, 7\]; a network has one"):
        from_csv(f"{head}a,9,9,3,3,2,4,1,6,\nb,9,9,3,3,2,4,1,7,")


REFUSED = {
    "line 1 must name the columns": "",
    "line 1 must name the columns,": "Conv1, 224, 224, 7, 7, 3, 64, 2,",
    "line 1: unknown column 'IFMAP Heigth'; did you mean 'ifmapheight'?": HEAD.replace(
        "IFMAP Height", "IFMAP Heigth"
    ),
    "line 1: two columns are 'Layer'": HEAD.replace("Strides", "Layer"),
    "line 1: there is no column for the channels": HEAD.replace("Channels,", ""),
    "line 1: there must be a column Strides, or": HEAD.replace("Strides,", "Stride height,"),
    "line 1: there is no column for the k": "Layer,M,N\n",
    "line 1: the column 'channels' does not go with M, N and K": "Layer,M,N,K,Channels\n",
    "it has no layers, but columns alone": HEAD,
    "line 2: layer 'a': filters must be a whole number, not 'four'": f"{HEAD}a,9,9,3,3,2,four,1,",
    "line 2: layer 'a': stride must be a whole number, not 'empty'": f"{HEAD}a,9,9,3,3,2,4,,",
    "line 3: layer 'a': stride must be a whole number, not 'empty'": f"{HEAD}\na,9,9,3,3",
    "line 2: layer 'a': channels must lie between 1 and 2**31, not 0": f"{HEAD}a,9,9,3,3,0,4,1,",
    "line 2: layer 'a': its filter (3, 3) is larger than its map (2, 9)": f"{HEAD}a,2,9,3,3,2,4,1,",
    "line 2: layer 'a': sparsity 2:4 is none of a network's": (
        HEAD.replace("\n", "Sparsity,\n") + "a,9,9,3,3,2,4,1,2:4,"
    ),
    "line 2: a layer has no name": f"{HEAD},9,9,3,3,2,4,1,",
    "line 2: field larger than field limit": f"{HEAD}{'a' * 200_000}",
}


@pytest.mark.parametrize("message", REFUSED)
def test_refused_with_the_line(message: str) -> None:
    with pytest.raises(w.WorkloadError) as caught:
        from_csv(REFUSED[message])
    assert str(caught.value).startswith(message)
