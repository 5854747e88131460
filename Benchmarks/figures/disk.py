"""A file system of its own for the engines' states, so that all of them unpack onto the same kind of disk, whatever the host's is."""

import os
import pathlib
import subprocess
import time

SIZE_BYTES = 16 << 30
END_SECONDS = 15


class Disk:
    """An ext4 with a journal in a file, mounted at `path` by a loop device, gone with `close`. Without a journal, as some
    virtual machines have it, ext4 passes over inodes that were removed within the last minutes one by one: whoever unpacks
    after another has removed would pay for that."""

    def __init__(self, scratch):
        self.image, self.path = pathlib.Path(scratch, "disk.img"), pathlib.Path(scratch, "disk")
        self.path.mkdir()
        try:
            with open(self.image, "wb") as image:
                os.posix_fallocate(image.fileno(), 0, SIZE_BYTES)
            self._run("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard", str(self.image))
            device = self._run("losetup", "--find", "--show", "--direct-io=on", str(self.image)).strip()
            try:
                self._run("mount", device, str(self.path))
            finally:
                # The mount holds it; it goes with that one.
                self._run("losetup", "--detach", device)
        except Exception:
            self.image.unlink(missing_ok=True)
            raise
        self.path.chmod(0o711)

    def close(self):
        self.image.unlink()
        deadline = time.monotonic() + END_SECONDS
        while True:
            try:
                self._run("umount", str(self.path))
                return
            except RuntimeError:
                # An engine's last processes are on their way out.
                if time.monotonic() > deadline:
                    self._run("umount", "--lazy", str(self.path))
                    return
                time.sleep(0.1)

    @staticmethod
    def _run(*command):
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]}: {done.stderr.strip()}")
        return done.stdout
