"""The proven optimum of a whole mapspace: a shortest path over tile sizes, and the certificate."""
