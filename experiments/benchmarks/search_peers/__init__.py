"""Other tools on our problems and machines, to compare with: a file each, and what `peers.py` is made of.

Each peer's file has ``available()``, the version installed or None, ``ACCOUNTING``, how its numbers differ
from ours, and functions that ask it in a process of its own (`process`), so that CPU seconds and peak memory
are the other tool's: ``search(problem, machine)``, or SCALE-Sim's ``cycles``. There it does a task: ``start``
imports, ``solve`` finds its best mapping and says it as nests of ours (`nests`), ``price`` takes such a nest.

They install by ``pip install 'dataflow-simulator[peers]'``; AccelForge needs Python 3.12. Where that is
another interpreter than ours, name it in the environment variable ``PEERS_PYTHON``; of several, separated as
in ``PATH``, the first that has the peer is asked. They need the peers only.
"""
