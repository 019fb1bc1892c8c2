"""Flexible: no constraint; every legal mapping.

What stays is whatever a mapper finds best. The mapspace is far too large to go through: mappers search it in
part, and stop after a number of evaluations.
"""

from __future__ import annotations

from simulator.dataflows.declaration import Dataflow

DATAFLOW = Dataflow("flexible", __doc__, factors="ragged")
