"""Other tools' mappers on our problems and machines, to compare with: one file each.

Each file has ``available()``, the version installed or None, ``ACCOUNTING``, how its numbers differ from
ours, and ``search(problem, machine)``, which gives a `process.Result`. A search runs in a process of its
own, so that CPU seconds and peak memory are the other tool's. They install by
``pip install 'dataflow-simulator[peers]'``; AccelForge needs Python 3.12. Where that is another interpreter
than ours, name it in the environment variable ``PEERS_PYTHON``: it needs the peers only.
"""
