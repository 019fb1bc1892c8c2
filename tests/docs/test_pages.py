"""Every code block of the documentation runs, and prints what the page shows."""

from pathlib import Path

import pytest

from .blocks import ROOT, Runner, blocks

PAGES = sorted((ROOT / "docs").rglob("*.md"))


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p)], ids=lambda page: page.stem)
def test_every_block_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runner = Runner(page)
    for block in blocks(page):
        runner.run(block)


def test_no_block_is_overlooked() -> None:
    """A fence that Markdown does not take for one, for its indentation, would be shown but not run."""
    for page in PAGES:
        fences = [line for line in page.read_text().splitlines() if line.lstrip().startswith("```")]
        assert len(fences) == 2 * len(blocks(page)), page


def test_every_figure_of_the_experiments_is_shown() -> None:
    page = (ROOT / "docs" / "gallery" / "experiments.md").read_text(encoding="utf-8")
    figures = [path.name for path in (ROOT / "experiments" / "figures").glob("*.png")]
    assert [name for name in figures if f"../figures/{name}" not in page] == ["alexnet_eyeriss_v1_energy.png"]
    assert "figures/alexnet_eyeriss_v1_energy.png" in (ROOT / "docs" / "index.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "block",
    [
        "```python\n1 / 0\n```",
        "```python\nprint(1)\n```\n```text\n2\n```",
        "```text\n2\n```",
        "```pycon\n>>> 1 + 1\n3\n```",
        "```console\n$ simulator list datafloes\n```",
        "```console\n$ simulator list architectures\nnothing\n```",
        "```console\n$ simulator --version\nerror: ...\n```",
        "```console\n$ rm -r x\n```",
        "```yaml\na: [1\n```",
        "```csv\na,b\n1\n```",
        "```bash\nif\n```",
        "```bash\npip install 'dataflow-simulator[nonsense]'\n```",
        "```\nx\n```",
    ],
)
def test_a_block_that_is_not_as_shown_fails(block: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(block)
    runner = Runner(page)
    with pytest.raises(Exception, match=r"page|line|division|parsing|non-zero|outcome|Expected"):
        for part in blocks(page):
            runner.run(part)
