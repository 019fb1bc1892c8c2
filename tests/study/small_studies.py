"""A small machine and network to sweep, and the sweep of them in this process."""

import simulator as sim
import workloads as w

from ..small_networks import SMALL, network

GRID = {"array.x": [2, 3], "glb.capacity": ["120 words", "160 words"]}


def sweep(settings=None, networks=None, machines=SMALL, **choices):
    return sim.sweep(networks or network(), machines, settings, workers=0, **choices)


def simulated(settings, batch=1, dataflow=None, objective="energy", engine="closed-form"):
    """The same run of the small network by itself."""
    paths = {"array.x": "PE.x.size", "glb.capacity": "GLB.capacity"}
    machine = SMALL.replace({path: settings[field] for field, path in paths.items() if field in settings})
    return sim.simulate(network(batch), machine, dataflow, objective, engine)


def linear(name="line"):
    """A network of one fully connected layer."""
    net = w.NetworkBuilder(name)
    net.add(w.Input("data", (4, 1, 1)))
    net.add(w.Linear("fc", 6))
    return net.build()


def recurrent():
    """A network of one layer whose parts are run several times."""
    net = w.NetworkBuilder("cell")
    net.add(w.Input("data", (3, 4)))
    net.add(w.Recurrent("lstm", "lstm", 2))
    return net.build()
