"""Two processes that wait for work, so that a test of several costs no start of several.

`Ranks.run(function, ...)` calls a function of a test's module in each of them, at the same time,
with a `World` as its first argument, and returns what it returned in each.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import traceback
from collections.abc import Callable
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from types import TracebackType
from typing import Any

TESTS = Path(__file__).resolve().parent
PATIENCE = 40.0  # seconds for an answer: a deadlock is a failure, not a wait


class Ranks:
    """Processes of one world over gloo, at work until the block is left."""

    def __init__(self, folder: Path, *, count: int = 2) -> None:
        self._folder, self._count, self._starts = folder, count, 0
        self._workers: list[subprocess.Popen[bytes]] = []
        self._links: list[Connection] = []

    def __enter__(self) -> Ranks:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self._end()

    def run(self, function: Callable[..., Any], *arguments: Any) -> list[Any]:
        """What each returned, in order; the first error is raised here with its traceback."""
        if not self._workers:
            self._start()
        file = sys.modules[function.__module__].__file__
        for link in self._links:
            link.send((file, function.__name__, arguments))
        answers = []
        for link in self._links:
            heard = link.poll(PATIENCE)
            answers.append(link.recv() if heard else (None, f"no answer within {PATIENCE} s"))
        failed = [f"rank {rank}: {error}" for rank, (_, error) in enumerate(answers) if error]
        if failed:
            self._end()  # they may wait for each other in different places
        assert not failed, "\n".join(failed)
        return [pickle.loads(answer) for answer, _ in answers]

    def _start(self) -> None:
        self._starts += 1
        folder = self._folder / str(self._starts)
        folder.mkdir(parents=True)
        address = str(folder / "socket")
        environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": _path()}
        with Listener(address, "AF_UNIX") as listener:
            self._workers = [
                subprocess.Popen(
                    [sys.executable, __file__, address, str(rank), str(self._count), str(folder)],
                    env=environment,
                )
                for rank in range(self._count)
            ]
            links = [listener.accept() for _ in self._workers]
        self._links = [
            link for _, link in sorted(((link.recv(), link) for link in links), key=lambda x: x[0])
        ]

    def _end(self) -> None:
        for link in self._links:
            link.close()
        for worker in self._workers:
            worker.kill()
            worker.wait()
        self._workers, self._links = [], []


def launch(arguments: list[str], *, count: int = 2) -> subprocess.CompletedProcess[str]:
    """What torchrun does with a script, or with `-m module` and its arguments."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", str(count), *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": _path()}
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def _path() -> str:
    places = [str(TESTS), *(place for place in sys.path if place and "pytest" not in place)]
    return os.pathsep.join(places)


def _serve(address: str, rank: int, count: int, folder: str) -> None:
    import importlib.util
    import warnings

    import torch
    import torch.distributed as dist

    torch.set_num_threads(1)
    from netwright.train.distribute.world import World

    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/store", rank=rank, world_size=count
    )
    link = Client(address, "AF_UNIX")
    link.send(rank)
    modules: dict[str, Any] = {}
    warnings.simplefilter("error")
    while (work := _received(link)) is not None:
        file, name, arguments = work
        try:
            if file not in modules:
                spec = importlib.util.spec_from_file_location(Path(file).stem, file)
                modules[file] = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
                spec.loader.exec_module(modules[file])
            answer = getattr(modules[file], name)(World(), *arguments)
            link.send((pickle.dumps(answer), None))
        except BaseException:
            link.send((None, traceback.format_exc()))


def _received(link: Connection) -> Any:
    try:
        return link.recv()
    except (EOFError, OSError):
        return None


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
