"""Input stationary: pixels of the inputs stay in the PEs while all the filters pass by.

The counterpart of weight stationary (ISCA 2016, section IV-A) with the roles of weights and inputs exchanged;
as in SCNN (A. Parashar et al., ISCA 2017, its PlanarTiled-InputStationary dataflow, without sparsity). What
stays: a PE's inputs, for every filter. Weights go to all PEs whose inputs they meet; partial sums of channels
on the array add up there, those of other channels and taps in the buffer.
"""

from __future__ import annotations

from simulator.dataflows.declaration import Dataflow, Keep, Spread

DATAFLOW = Dataflow(
    "input_stationary",
    __doc__,
    (
        Keep("memory", loops=("GMNPQ",)),
        Keep("buffer", ("outputs",), ("CRS",)),
        Keep("buffer", ("inputs",), bypass="allowed"),
        Keep("buffer", ("weights",), bypass="allowed"),
        Spread({"last": {"P": "any"}, "first": {"Q": "any"}, "each": {"C": "most"}}),
        # As many filters pass by as the buffer has room for partial sums of.
        Keep("pe", ("inputs",), ("M",), factors={"M": "most"}),
        Keep("pe", ("weights",), bypass="always"),
        Keep("pe", ("outputs",), ("RSC",), "allowed"),
    ),
)
