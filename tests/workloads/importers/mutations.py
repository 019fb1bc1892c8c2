"""Real files, changed a little: bytes cut out, doubled and overwritten, and values of JSON replaced."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

import workloads as w
from workloads.importers.drafts import reading
from workloads.network_file import from_yaml, to_yaml

FUZZED = settings(max_examples=60, deadline=5_000, suppress_health_check=list(HealthCheck))

PIECES = [
    b"", b"\0", b"\xff\xfe", b"{", b"}", b"[", b"]", b"<", b'"', b":", b",", b"\n", b"-1", b"0", b"1e999",
    b"nan", b"99999999999999999999", b"2147483648", b"#", b"layer", b"null", b"true", b"\\u0000",
    b"PK\x05\x06", b" " * 64,
]  # fmt: skip

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.sampled_from([-1, 0, 1, 2, 7, 2**31, 2**70, 0.5, 1e300])
    | st.sampled_from(["", "x", "same", "Dense", "Conv2D", "Functional", "InputLayer", "__keras_tensor__"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=4,
)


@st.composite
def changed_bytes(draw: st.DrawFn, files: list[bytes]) -> bytes:
    """One of the files with up to four changes."""
    raw = draw(st.sampled_from(files))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(raw)))
        stop = min(len(raw), start + draw(st.sampled_from([0, 1, 2, 5, 20, 100, 1000])))
        piece = draw(st.sampled_from(PIECES) | st.just(raw[start:stop] * 2) | st.binary(max_size=4))
        raw = raw[:start] + piece + raw[stop:]
    return raw


@st.composite
def changed_words(draw: st.DrawFn, files: list[bytes]) -> bytes:
    """One of the files with some of its words (what stands between blanks) replaced by others of its own."""
    words = draw(st.sampled_from(files)).split(b" ")
    for _ in range(draw(st.integers(1, 4))):
        words[draw(st.integers(0, len(words) - 1))] = draw(st.sampled_from(words + PIECES))
    return b" ".join(words)


@st.composite
def changed_json(draw: st.DrawFn, models: list[Any]) -> Any:
    """One of the models with up to three of its values replaced, by others of its own too, or taken out."""
    model = copy.deepcopy(draw(st.sampled_from(models)))
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(model))
        if not places:
            break
        holder, key = places[draw(st.integers(0, len(places) - 1))]
        other, at = places[draw(st.integers(0, len(places) - 1))]
        value = draw(VALUES | st.just(copy.deepcopy(other[at])))
        if draw(st.integers(0, 4)):
            holder[key] = value
        else:
            del holder[key]
    return model


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Everything in the lists and objects of a value, as (holder, key)."""
    keys = range(len(value)) if isinstance(value, list) else list(value) if isinstance(value, dict) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


def read_or_refused(read: Callable[[], w.Network]) -> None:
    """What is read comes back from YAML equal; what is not is refused with one line that one can read."""
    try:
        with reading("file"):
            network = read()
    except w.WorkloadError as error:
        assert len("file: ") < len(str(error)) < 420 and str(error).isprintable(), str(error)
    else:
        assert from_yaml(to_yaml(network)) == network
