#!/usr/bin/python3
"""tools/get-backbone against a server of our own: fetches once, checks, keeps, and says what to do where it cannot."""
import hashlib
import http.server
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "home").mkdir()
        good = f"net-{hashlib.sha256(b'weights').hexdigest()[:8]}.pth"
        (folder / "home" / good).write_bytes(b"weights")
        (folder / "home/bad-00000000.pth").write_bytes(b"weights")
        (folder / "list").write_text(f"# names\nnet {good}\nbad bad-00000000.pth\naway away-12345678.pth\n")
        asked = []

        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *args):
                super().__init__(*args, directory=str(folder / "home"))

            def log_message(self, *args):
                asked.append(self.path)

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        home = f"http://127.0.0.1:{server.server_port}"

        def run(*args, at=home, path=os.environ["PATH"]):
            return subprocess.run([ROOT / "tools/get-backbone", *args], capture_output=True, text=True, env={
                **os.environ, "XDG_CACHE_HOME": name, "HONE_BACKBONES": at, "HONE_BACKBONE_LIST": str(folder / "list"),
                "no_proxy": "127.0.0.1", "PATH": path})

        kept = folder / "hone/backbones" / good
        assert run().stdout.split() == ["net", "bad", "away"]
        for _ in range(2):  # the second time from the cache
            done = run("net")
            assert (done.returncode, done.stdout.strip()) == (0, str(kept)), done
        assert kept.read_bytes() == b"weights" and len(asked) == 1, asked
        done = run("bad")
        assert done.returncode == 1 and "does not begin with 00000000" in done.stderr, done
        assert not (folder / "hone/backbones/bad-00000000.pth").exists()
        done = run("away")
        assert done.returncode == 1 and f"bring that file as {folder}/hone/backbones/away-12345678.pth" in done.stderr, done
        done = run("net2")
        assert done.returncode == 1 and "no net is named 'net2'" in done.stderr, done
        kept.write_bytes(b"damage")
        done = run("net")
        assert done.returncode == 1 and "is damaged" in done.stderr, done
        kept.unlink()
        done = run("net", at="http://127.0.0.1:1")
        assert done.returncode == 1 and "without a network, bring that file as" in done.stderr, done
        bare = folder / "bin"  # what any machine has, and nothing that fetches
        bare.mkdir()
        for tool in ("sh", "awk", "dirname", "mkdir", "rm", "sha256sum"):
            (bare / tool).symlink_to(shutil.which(tool))
        done = run("net", path=str(bare))
        assert done.returncode == 1 and "curl or wget is needed" in done.stderr and str(kept) in done.stderr, done
        assert [path.name for path in kept.parent.iterdir()] == []
        server.shutdown()


main()
