"""No local reuse: PEs keep nothing; a large buffer serves every multiply-accumulate.

Y.-H. Chen, J. Emer, V. Sze, ISCA 2016, section IV-C (as in DianNao and in C. Zhang et al., FPGA 2015). What
stays: nothing in the array. Filters lie along the array, which share each input, and channels, whose partial
sums add up in it; every step reads its weights from the buffer and returns its partial sums there.
"""

from __future__ import annotations

from simulator.dataflows.declaration import Dataflow, Keep, Spread

DATAFLOW = Dataflow(
    "no_local_reuse",
    __doc__,
    (
        Keep("memory", loops=("GNMPQ", "GMNPQ")),
        Keep("buffer", ("outputs",), ("C",)),
        # Pixels of the buffer's tile: as many as it holds, so that weights come from the memory seldom.
        Keep("buffer", ("inputs", "weights"), ("NMPQRS",), factors={"N": "most", "P": "most", "Q": "most"}),
        Spread({"each": {"M": "most", "C": "most"}}),
        Keep("pe", ("weights", "inputs", "outputs"), bypass="always"),
    ),
)
