"""Energy, area and leakage of a machine's parts, from tables: one name swaps all of its prices.

    sim.load_architecture("eyeriss_v1", energy="horowitz_45nm")

A table (`arch_configs/energy`, a file of the same form, or an energy reference table of Accelergy) has
figures for kinds of parts: DRAM, SRAM, registers, the network of an array, MACs. Where a figure is a set of
points, a power law through them (`fit`) gives it for the capacity, width, banks and node of a part.
"""
