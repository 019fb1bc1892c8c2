"""What counts cost: energy by prices, cycles by bandwidths."""
