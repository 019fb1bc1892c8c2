"""What README promises and what CI runs are the same."""

import json
from pathlib import Path

from simulator.architecture import architecture_schema

ROOT = Path(__file__).parent.parent


def test_ci_runs_the_command_that_readme_gives():
    blocks = (ROOT / "README.md").read_text().split("```")[1::2]
    commands = [block.strip() for block in blocks if "pytest" in block]
    assert len(commands) == 1
    assert commands[0] in (ROOT / ".ci" / "run").read_text().splitlines()


def test_files_stay_short():
    long = {str(p): n for p in ROOT.glob("simulator/**/*.py") if (n := len(p.read_text().splitlines())) > 460}
    assert not long


def test_the_published_schema_is_current():
    published = json.loads((ROOT / "arch_configs" / "architecture.schema.json").read_text())
    assert published == architecture_schema()
