"""common: what the scripts of this folder share: peers as processes that answer requests, and hone bench."""
import csv
import json
import os
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

NETS = ["mobilenet_v2", "resnet18"]
# name, operator of hone bench, shape, what its rate is measured in
OPS = [
    ("matmul 512", "matmul", {"m": 512, "n": 512, "k": 512}, "gflops"),
    ("matmul 512 transposed", "matmul", {"m": 512, "n": 512, "k": 512, "tb": 1}, "gflops"),
    ("conv 3x3 64-64 56", "conv2d", {"h": 56, "c": 64, "k": 64, "r": 3}, "gflops"),
    ("conv 3x3 64-64 56 data", "conv2d_bwd_x", {"h": 56, "c": 64, "k": 64, "r": 3}, "gflops"),
    ("conv 3x3 64-64 56 weights", "conv2d_bwd_w", {"h": 56, "c": 64, "k": 64, "r": 3}, "gflops"),
    ("conv 1x1 96-24 56", "conv2d", {"h": 56, "c": 96, "k": 24, "r": 1}, "gflops"),
    ("depthwise 3x3 96 56", "depthwise", {"h": 56, "c": 96, "r": 3}, "gbs"),
    ("depthwise 3x3 96 56 data", "depthwise_bwd_x", {"h": 56, "c": 96, "r": 3}, "gbs"),
    ("depthwise 3x3 96 56 weights", "depthwise_bwd_w", {"h": 56, "c": 96, "r": 3}, "gbs"),
]


class Peer:
    """A process that answers requests; None where it is not installed."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)

    def ask(self, **request):
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        return json.loads(line) if line else {"error": "it does not run"}

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def start(command, name):
    peer = Peer(command)
    about = peer.ask(about=True)
    if "error" in about:
        print(f"without {name}: {command[0]}: {about['error']}", file=sys.stderr)
        return None, None
    return peer, about


class Hone:
    def __init__(self, args):
        self.args = args
        self.yardsticks = {}
        self.driver = ""

    def rows(self, *options):
        """Every line of the CSV of a bench, as dictionaries; a string says what failed."""
        command = [self.args.hone, "bench", "--csv", "-", *options]
        if self.args.device:
            command += ["--device", self.args.device]
        if self.args.allow_plain:
            command.append("--allow-plain")
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return (done.stderr.strip().splitlines() or ["failed"])[-1]
        rows = list(csv.DictReader(done.stdout.splitlines()))
        for row in rows:
            if row["kind"] == "device":
                self.driver = row["reason"]
            elif row["kind"] == "yardstick":
                value = row["gbs"] or row["gflops"] or row["ms"]
                self.yardsticks.setdefault(row["name"], []).append(float(value or 0))
        return rows

    def bench(self, *options):
        rows = self.rows(*options)
        if isinstance(rows, str):
            return {"error": rows}
        last = rows[-1]
        return {key: float(last[key]) for key in ("ms", "images_per_second", "gflops", "gbs", "peak_bytes")
                if last[key]} | {"row": last["row"]}

    def net(self, name, mode, batch, size):
        return self.bench("--net", name, "--mode", mode, "--batch", str(batch), "--size", str(size))

    def op(self, name, shape):
        return self.bench("--op", name, "--shape", ",".join(f"{k}={v}" for k, v in shape.items()))


def median_of(answers, key):
    values = [a[key] for a in answers if a.get(key)]
    return statistics.median(values) if values else None


def number(value):
    return "-" if value is None else f"{value:.2f}"


def add_options(parser):
    """What every script that runs peers takes."""
    parser.add_argument("--hone", default=os.path.join(HERE, "../../build/hone"))
    parser.add_argument("--device", help="of hone")
    parser.add_argument("--torch", default="/usr/bin/python3", metavar="PYTHON", help="with torch and torchvision")
    parser.add_argument("--torch-device", default="cpu", help="cpu, cuda, xpu")
    parser.add_argument("--torch-option", action="append", default=[], metavar="OPTION",
                        help="for torch_peer: --torch-option=--amp=f16")
    parser.add_argument("--batch", type=int, default=8, help="of training")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="lines whose name holds this")
    parser.add_argument("--allow-plain", action="store_true")


def start_torch(args):
    return start([args.torch, f"{HERE}/torch_peer.py", "--device", args.torch_device, *args.torch_option], "PyTorch")
