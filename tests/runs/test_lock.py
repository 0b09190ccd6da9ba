"""A run is written by one process at a time, and by none once that one is dead."""

from __future__ import annotations

import errno
import os
import signal
import threading
import time

import pytest

from netwright._errors import DamagedRun
from netwright.runs.lock import is_being_written, writing


def child(folder, *, leaves=False):
    """A process that holds the lock; what it forks goes on without it. Returns its number."""
    reading, telling = os.pipe()
    number = os.fork()
    if not number:
        try:
            with writing(folder):
                if leaves and not os.fork():
                    time.sleep(1)  # longer than its parent lives
                    os._exit(0)
                os.write(telling, b"!")
                signal.pause()
        finally:
            os._exit(1)
    os.close(telling)
    assert os.read(reading, 1) == b"!"
    os.close(reading)
    return number


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("leaves", [False, True])
def test_another_process_is_refused_until_the_first_is_killed(tmp_path, leaves):
    holder = child(tmp_path, leaves=leaves)
    try:
        assert is_being_written(tmp_path)
        with (
            pytest.raises(DamagedRun, match=rf"which process {holder} is writing"),
            writing(tmp_path),
        ):
            pass
    finally:
        os.kill(holder, signal.SIGKILL)
        os.waitpid(holder, 0)
    assert not is_being_written(tmp_path)
    with writing(tmp_path):
        assert is_being_written(tmp_path)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_refusal_in_this_process_lets_nobody_else_in(tmp_path):
    with writing(tmp_path):
        for _ in range(2):
            with pytest.raises(DamagedRun, match="this process"), writing(tmp_path):
                pass
        number = os.fork()
        if not number:
            os._exit(int(is_being_written(tmp_path)) + 10)
        assert os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]) == 11
    assert not is_being_written(tmp_path)


def test_another_thread_is_refused(tmp_path):
    refused = []

    def other():
        try:
            with writing(tmp_path):
                pass
        except DamagedRun as error:
            refused.append(error)

    with writing(tmp_path):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert len(refused) == 1


def test_a_folder_that_nobody_wrote(tmp_path):
    assert not is_being_written(tmp_path)
    assert not is_being_written(tmp_path / "absent")
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_not_written_through(tmp_path):
    folder, precious = tmp_path / "run", tmp_path / "precious"
    folder.mkdir()
    precious.write_text("mine")
    (folder / ".lock").symlink_to(precious)
    with pytest.raises(DamagedRun, match=r"\.lock must be .* It is a link"), writing(folder):
        pass
    assert precious.read_text() == "mine"
    assert not is_being_written(folder)


def test_a_full_disk_is_told_in_one_sentence(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("netwright.runs.lock.os.write", refuse)
    with pytest.raises(DamagedRun, match="Free space on that disk"), writing(tmp_path):
        pass
    monkeypatch.undo()
    with writing(tmp_path):
        assert is_being_written(tmp_path)
