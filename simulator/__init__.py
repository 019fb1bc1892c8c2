"""Exact simulator of spatial accelerators."""
