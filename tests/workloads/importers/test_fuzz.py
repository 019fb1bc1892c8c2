"""Changed files are read or refused with one clear error: no crash, no hang, no more memory than stated."""

from __future__ import annotations

import json
import tempfile
import tracemalloc
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

import workloads as w
from workloads.importers.caffe import from_prototxt
from workloads.importers.csv_layers import from_csv
from workloads.importers.drafts import reading
from workloads.importers.keras import from_config, read_keras
from workloads.network_file import from_yaml, to_yaml

from .mutations import changed_bytes, changed_json, changed_words

DATA = Path(__file__).parents[2] / "data"
CORPUS = Path(__file__).parent / "corpus"
PROTOTXT = [path.read_bytes() for path in sorted((DATA / "caffe").glob("*.prototxt"))]
TABLES = [path.read_bytes() for path in sorted(CORPUS.glob("*.csv"))]
SMALL = ("first", "lenet", "shared", "text", "branches")
ARCHIVES = [(DATA / "keras" / f"{name}.keras").read_bytes() for name in SMALL]
MODELS = [json.loads(zipfile.ZipFile(DATA / "keras" / f"{name}.keras").read("config.json")) for name in SMALL]
MODELS += [json.loads((DATA / "keras" / f"{name}.json").read_text()) for name in ("functional", "sequential")]

FUZZED = settings(max_examples=60, deadline=5_000, suppress_health_check=list(HealthCheck))


def read_or_refused(read: Callable[[], w.Network]) -> None:
    try:
        with reading("file"):
            network = read()
    except w.WorkloadError as error:
        # One line that one can read.
        assert len("file: ") < len(str(error)) < 420 and str(error).isprintable(), str(error)
    else:
        assert from_yaml(to_yaml(network)) == network


@FUZZED
@given(changed_bytes(PROTOTXT) | changed_words(PROTOTXT))
def test_prototxt(raw: bytes) -> None:
    sizes = {"channels": 1, "height": 28, "width": 28}
    read_or_refused(lambda: from_prototxt(raw.decode("utf-8", "replace"), dimensions=sizes))


@FUZZED
@given(changed_bytes(TABLES) | changed_words(TABLES))
def test_tables(raw: bytes) -> None:
    read_or_refused(lambda: from_csv(raw.decode("utf-8", "replace")))


@FUZZED
@given(changed_json(MODELS))
def test_models_of_keras(model: Any) -> None:
    read_or_refused(lambda: from_config(json.dumps(model)))


@FUZZED
@given(changed_bytes(ARCHIVES))
def test_archives_of_keras(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "net.keras")
        path.write_bytes(raw)
        read_or_refused(lambda: read_keras(path))


READERS: dict[str, Callable[[str], w.Network]] = {
    ".prototxt": from_prototxt,
    ".csv": from_csv,
    ".json": from_config,
}


@pytest.mark.parametrize("path", sorted(CORPUS.iterdir()), ids=lambda path: path.name)
def test_files_that_were_found(path: Path) -> None:
    read_or_refused(lambda: READERS[path.suffix](path.read_text()))


HEAD = "Layer, M, N, K,\n"
LARGE = {
    "messages": (from_prototxt, "a{}" * 20_000, 150),
    "texts": (from_prototxt, 'name: "' + "\\a" * 50_000 + '"', 150),
    "layers": (from_prototxt, 'layer{type:"Split"}' * 3_000, 150),
    "objects": (from_config, "[" + "{}," * 30_000 + "{}]", 60),
    "lists": (from_config, '{"class_name": "Model", "config": {"layers": [' + "[]," * 30_000 + "[]]}}", 60),
    "cells": (from_csv, HEAD + "," * 100_000, 120),
    "rows": (from_csv, HEAD + "a,1,1,1\n" * 1_000, 120),
}


@pytest.mark.parametrize("name", LARGE)
def test_memory_is_what_is_stated(name: str) -> None:
    read, text, factor = LARGE[name]
    tracemalloc.start()
    with suppress(w.WorkloadError):
        read(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # A row is an input and a layer.
    layers = 2 * text.count("\n") if name == "rows" else 0
    assert peak < factor * len(text) + 10_000 * layers + 2**20
