"""Output stationary B: the array computes many pixels of many output channels, each in its own PE.

Y.-H. Chen, J. Emer, V. Sze, ISCA 2016, section IV-B (MOC-MOP, multiple output channels, multiple output
pixels). What stays: a PE's partial sum, until all channels and taps are added. Along the first axis lie
pixels of a row, which share each weight and whose windows overlap; along either lie filters, which share each
input, and images, which share each weight.
"""

from __future__ import annotations

from simulator.dataflows.declaration import Dataflow, Keep, Spread

DATAFLOW = Dataflow(
    "output_stationary_b",
    __doc__,
    (
        Keep("memory", loops=("GNMPQ", "GMNPQ")),
        Keep("buffer", ("outputs",), bypass="always"),
        Keep("buffer", ("inputs",), bypass="allowed"),
        Keep("buffer", ("weights",), ("MPQ",), "allowed", {"P": "most", "Q": "most"}),
        Spread({"first": {"Q": "most"}, "each": {"M": "most", "N": "any"}}),
        Keep("pe", ("outputs",), ("CRS",)),
        Keep("pe", ("inputs",), ("S",), "allowed"),
        Keep("pe", ("weights",), bypass="always"),
    ),
)
