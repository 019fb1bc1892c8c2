"""Makes `sweep_work` importable by its bare name, here and in worker processes, which get this path."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
