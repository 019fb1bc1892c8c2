"""Studies: many networks on many machines, each distinct piece of work once, kept in a store."""
