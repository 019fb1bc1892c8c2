"""What is known of a network besides its layers."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.errors import WorkloadError
from workloads.geometry import plain_text, whole_number


@dataclass(frozen=True)
class Metadata:
    """Where a network was published, and how well it does; None where that is not known.

    ``top1_error`` and ``top5_error`` are in percent, on the data set. Raises WorkloadError.
    """

    year: int | None = None
    source: str | None = None
    dataset: str | None = None
    top1_error: float | None = None
    top5_error: float | None = None

    def __post_init__(self) -> None:
        if self.year is not None:
            object.__setattr__(self, "year", whole_number(self.year, "metadata", "year", 1900))
        for field in ("source", "dataset"):
            text = getattr(self, field)
            if text is not None:
                plain_text(text, "metadata", field)
        for field in ("top1_error", "top5_error"):
            error = getattr(self, field)
            if error is None:
                continue
            if isinstance(error, bool) or not isinstance(error, int | float) or not 0 <= error <= 100:
                raise WorkloadError(f"metadata: {field} must be a percentage from 0 to 100, not {error!r}")
            object.__setattr__(self, field, float(error))


UNKNOWN = Metadata()
