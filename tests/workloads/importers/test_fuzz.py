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
import yaml
from hypothesis import given, settings

import workloads as w
from workloads.importers.caffe import from_prototxt
from workloads.importers.csv_layers import from_csv
from workloads.importers.keras import from_config, read_keras
from workloads.network_file import from_yaml, to_yaml

from .mutations import FUZZED, changed_bytes, changed_json, changed_words, read_or_refused

DATA = Path(__file__).parents[2] / "data"
CORPUS = Path(__file__).parent / "corpus"
PROTOTXT = [path.read_bytes() for path in sorted((DATA / "caffe").glob("*.prototxt"))]
YAML = [to_yaml(w.build(name)).encode() for name in ("lenet5", "dqn", "variational_autoencoder")]
TABLES = [path.read_bytes() for path in sorted(CORPUS.glob("*.csv"))]
SMALL = ("first", "lenet", "shared", "text", "branches")
ARCHIVES = [(DATA / "keras" / f"{name}.keras").read_bytes() for name in SMALL]
MODELS = [json.loads(zipfile.ZipFile(DATA / "keras" / f"{name}.keras").read("config.json")) for name in SMALL]
MODELS += [json.loads((DATA / "keras" / f"{name}.json").read_text()) for name in ("functional", "sequential")]


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


@settings(FUZZED, max_examples=25)
@given(changed_bytes(YAML) | changed_words(YAML))
def test_yaml(raw: bytes) -> None:
    read_or_refused(lambda: from_yaml(raw.decode("utf-8", "replace")))


@settings(FUZZED, max_examples=25)
@given(changed_json([yaml.safe_load(raw) for raw in YAML]))
def test_layers_of_yaml(data: Any) -> None:
    read_or_refused(lambda: from_yaml(yaml.safe_dump(data)))


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
    "numbers": (from_yaml, "[" + "1," * 5_000 + "]", 350),
    "entries": (from_yaml, "- {}\n" * 2_000, 350),
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
