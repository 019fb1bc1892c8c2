"""Output stationary C: the array computes one pixel of many output channels, each in its own PE.

Y.-H. Chen, J. Emer, V. Sze, ISCA 2016, section IV-B (MOC-SOP, multiple output channels, single output pixel;
made for fully connected layers). What stays: a PE's partial sum, until all channels and taps are added. Each
input goes to the PEs of all filters; the images of a batch share each weight. No two PEs share a window.
"""

from __future__ import annotations

from simulator.dataflows.declaration import Dataflow, Keep, Spread

DATAFLOW = Dataflow(
    "output_stationary_c",
    __doc__,
    (
        Keep("memory", loops=("GNMPQ", "GMNPQ")),
        Keep("buffer", ("outputs",), bypass="always"),
        Keep("buffer", ("inputs",), bypass="allowed"),
        Keep("buffer", ("weights",), ("MPQ",), "allowed", {"P": "most", "Q": "most"}),
        Spread({"each": {"M": "most", "N": "any"}}),
        Keep("pe", ("outputs",), ("CRS",)),
        Keep("pe", ("inputs", "weights"), bypass="always"),
    ),
)
