"""A Dask scheduler and two workers, each a process, as a script: prints where they are, ends with its input.

They are forked after everything is imported, which takes longest.
"""

import asyncio
import json
import os
import signal
import sys

from distributed import Scheduler, Worker

import simulator.study.points  # noqa: F401


def child(coroutine):
    process = os.fork()
    if process == 0:
        # Its input is its parent's.
        os.close(0)
        asyncio.run(coroutine)
        os._exit(0)
    return process


async def schedule(told):
    async with Scheduler(host="127.0.0.1", port=0, dashboard=False) as scheduler:
        os.write(told, f"{scheduler.address}\n".encode())
        await scheduler.finished()


async def work(address, folder):
    async with Worker(address, nthreads=1, local_directory=folder, dashboard=False) as worker:
        await worker.finished()


def main(folder):
    told, telling = os.pipe()
    children = [child(schedule(telling))]
    with os.fdopen(told) as lines:
        address = lines.readline().strip()
    children += [child(work(address, folder)) for _ in range(2)]
    print(json.dumps({"address": address, "scheduler": children[0], "workers": children[1:]}), flush=True)
    sys.stdin.read()
    for process in children:
        os.kill(process, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1])
