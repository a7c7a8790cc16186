"""A copy of this machine that a test may change: what it writes goes to a folder beside the root, by an overlay in a mount
namespace. A program runs in it as another user, on a root that it cannot write, within limits, as a container engine or
systemd would run it. Neither is here."""

import dataclasses
import os
import subprocess

# Mounts are this process' own and end with it. What is run has its process id.
ENTER = r"""
set -eu
folder=$1 read_only=$2 writable=$3
shift 3
root=$folder/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$folder/changes,workdir=$folder/work" "$root"
for one in $writable; do
  mkdir -p "$root$one"
  mount --bind "$folder/writable$one" "$root$one"
done
[ "$read_only" = no ] || mount -o remount,ro "$root"
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
exec "$@"
"""


@dataclasses.dataclass
class Confined:
    """As whom, and within what."""

    user: int
    group: int
    # Folders on a root that is read-only otherwise.
    writable: tuple
    directory: str
    files: int = 1024
    umask: str = "022"

    def words(self, root):
        yield from ["prlimit", f"--nofile={self.files}:{self.files}", "chroot", root]
        yield from ["setpriv", f"--reuid={self.user}", f"--regid={self.group}", "--clear-groups"]
        yield from ["--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]
        yield from ["sh", "-c", f'umask {self.umask} && cd {self.directory} && exec "$@"', "sh"]


class Machine:
    def __init__(self, folder):
        self.folder = folder
        for name in ["changes", "work", "root", "writable"]:
            (folder / name).mkdir(parents=True)

    def path(self, path):
        """Where a file is that was written there."""
        return self.folder / "changes" / path.lstrip("/")

    def write(self, path, content, mode=0o644, group=0):
        file = self.path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        file.chmod(mode)
        os.chown(file, 0, group)

    def writable(self, path, confined):
        """What a folder has that a confined program may write."""
        folder = self.folder / "writable" / path.lstrip("/")
        if not folder.exists():
            folder.mkdir(parents=True)
            os.chown(folder, confined.user, confined.group)
        return folder

    def _command(self, words, confined):
        root = self.folder / "root"
        read_only, writable, inner = "no", "", ["chroot", root]
        if confined:
            for path in confined.writable:
                self.writable(path, confined)
            read_only, writable, inner = "yes", " ".join(confined.writable), confined.words(root)
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", ENTER, "enter", self.folder, read_only, writable, *inner, *words]

    def run(self, *words, confined=None, environment=None, **more):
        """To its end; what it wrote stays."""
        return subprocess.run(
            self._command(words, confined), env=plain(environment), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, **more
        )

    def start(self, *words, confined, environment, log):
        return subprocess.Popen(self._command(words, confined), env=plain(environment), stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def plain(environment):
    return {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "NO_COLOR": "1", "LC_ALL": "C.UTF-8"} | (environment or {})
