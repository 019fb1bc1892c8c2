"""Searches over a mapspace."""

from __future__ import annotations

from simulator.mappers.exhaustive import OBJECTIVES, Choice, check_objective, search_exhaustively

__all__ = ["OBJECTIVES", "Choice", "check_objective", "search_exhaustively"]
