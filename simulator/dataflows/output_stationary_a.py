"""Output stationary A: the array computes many pixels of one output channel, each in its own PE.

Y.-H. Chen, J. Emer, V. Sze, ISCA 2016, section IV-B (SOC-MOP, single output channel, multiple output pixels;
as in ShiDianNao). What stays: a PE's partial sum, until all channels and taps are added. Each weight goes to
all PEs at once; neighbouring PEs' windows overlap, so inputs are shared between them where a network passes
them on. Finished outputs leave the array for good.
"""

from __future__ import annotations

from simulator.dataflows.declaration import Dataflow, Keep, Spread

DATAFLOW = Dataflow(
    "output_stationary_a",
    __doc__,
    (
        Keep("memory", loops=("GNMPQ", "GMNPQ")),
        Keep("buffer", ("outputs",), bypass="always"),
        Keep("buffer", ("inputs",), bypass="allowed"),
        Keep("buffer", ("weights",), ("MPQ", "PQM"), "allowed", {"P": "most", "Q": "most"}),
        # Pixels and images alone share the array; rows and columns, which share windows, reach furthest.
        Spread({"last": {"P": "most"}, "first": {"Q": "most"}, "each": {"N": "any"}}),
        Keep("pe", ("outputs",), ("CS",)),
        # A tile of the window, so that the next taps' inputs are a neighbour's of now.
        Keep("pe", ("inputs",), ("RS",), "allowed"),
        Keep("pe", ("weights",), bypass="always"),
    ),
)
