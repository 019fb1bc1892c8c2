"""The rule that every figure of the zoo is held to, for the tests of its families."""

from __future__ import annotations

from workloads import Network, figures


def check(*networks: Network | str) -> None:
    """Assert that these networks have figures, and that each agrees or is a known difference that is one."""
    for network in networks:
        name = network if isinstance(network, str) else network.name
        found = figures.figures(network)
        assert found, f"{name}: published/*.yaml has neither a figure nor a reason why there is none"
        complaints = [f"{name}: {figure.complaint}" for figure in found if figure.complaint]
        assert not complaints, "\n".join(complaints)
