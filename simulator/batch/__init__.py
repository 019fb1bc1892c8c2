"""Many mappings at once: vectors in, exact counts, energy and cycles out, no Python object per mapping."""
