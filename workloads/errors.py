"""The error every bad workload raises, and the nearest name to offer instead of an unknown one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

# Names of a file, which may be as many as it has room for; all that come along are fewer.
_SHOWN = 500


class WorkloadError(ValueError):
    """A layer or a network that cannot be; the message says what, where and what would be right."""


def nearest_name(name: object, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest known name, or else the list of known names.

    >>> nearest_name("conv22", ["conv1", "conv2"])
    "; did you mean 'conv2'?"
    """
    names = list(known)
    # Someone who types `lenet` means `lenet5_caffe`, however far apart the two are letter by letter; and who
    # types `VGG16` means `vgg16`, the shortest, and not `vgg16_1x1`.
    begin = [n for n in names if str(name) and n.lower().startswith(str(name).lower())]
    near = sorted(begin, key=len)[:1]
    near = near or difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
    if near:
        return f"; did you mean {near[0]!r}?"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"; known: {', '.join(names[:_SHOWN])}{more}" if names else ""
