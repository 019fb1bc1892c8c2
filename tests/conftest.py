"""Makes the oracles importable from every test module, whatever folder it lies in.

The folder itself must not go on the path: its ``workloads`` would hide the package of that name.
"""

import importlib.util
import sys
from pathlib import Path

_spec = importlib.util.spec_from_file_location("oracles", Path(__file__).parent / "oracles.py")
assert _spec is not None and _spec.loader is not None
_oracles = importlib.util.module_from_spec(_spec)
sys.modules["oracles"] = _oracles
_spec.loader.exec_module(_oracles)
