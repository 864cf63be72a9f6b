"""perfile: runs an analyser on each file of src/ by its command of build/compile_commands.json, and keeps what it said in
build/lint/ until the file, what it includes, the command or the settings change. tidy and gcc-analyzer are made of it."""
import concurrent.futures
import functools
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

FOREIGN = {"src/gpu/volk.c"}  # has nothing of its own: volk's code, minutes of work for an analyser
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
WARNING = re.compile(r"^(/\S+?):(\d+):\d+: warning: (.*)$")


@functools.cache
def digest(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).digest()


def compile_commands(name, wanted):
    """{file: (folder, command without its object file)} of the files of src/ at or below `wanted`"""
    database = ROOT / "build/compile_commands.json"
    if not database.is_file() or not (ROOT / "build/generated/formats/onnx.pb-c.h").is_file():
        sys.exit(f"{name}: build first: tools/check --quick, or cmake --build build")
    for place in wanted:
        if not (ROOT / place).exists():
            sys.exit(f"{name}: there is no {place}")
    places = [(ROOT / place).resolve() for place in wanted]
    commands = {}
    for entry in json.loads(database.read_text()):
        file = pathlib.Path(entry["file"])
        if ROOT / "src" not in file.parents or str(file.relative_to(ROOT)) in FOREIGN:
            continue
        if any(place == file or place in file.parents for place in places):
            command = shlex.split(entry["command"])
            at = command.index("-o")
            commands.setdefault(str(file), (entry["directory"], command[:at] + command[at + 2:]))
    return dict(sorted(commands.items()))


def key(folder, command, analyser, settings):
    """What the answer depends on."""
    rule = subprocess.run(command + ["-M", "-MT", "x"], cwd=folder, capture_output=True, text=True, check=True).stdout
    sums = hashlib.sha256(repr((analyser, settings)).encode())
    for path in rule.replace("\\\n", " ").split()[1:]:
        sums.update(digest(os.path.join(folder, path)))
    return sums.hexdigest()[:32]


def ask(folder, command, analyser, settings, store):
    """(what it said, name of the record); what it said is kept unless it failed"""
    record = store / f"{key(folder, command, analyser, settings)}.txt"
    if not record.is_file():
        done = subprocess.run(analyser, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            errors = [line for line in (done.stdout + done.stderr).splitlines() if "error" in line]
            raise RuntimeError("\n".join(errors) or f"{analyser} ended with {done.returncode}")
        # Paths are kept as those of any checkout.
        part = record.with_suffix(f".{os.getpid()}.part")
        part.write_text(re.sub(re.escape(str(ROOT)) + "/", "/./", done.stdout + done.stderr))
        part.rename(record)
    return record.read_text(), record.name


def findings(text):
    """[(file, message with its check, the whole of what was said about it)] of one answer"""
    found = []
    for line in text.splitlines():
        hit = WARNING.match(line)
        if hit:
            file = hit[1].removeprefix("/./")
            found.append((file, f"{file}:{hit[2]}: {hit[3]}", [line.removeprefix("/./")]))
        elif found:
            found[-1][2].append(line)
    return [(file, message, "\n".join(block)) for file, message, block in found]


def run(name, settings, analyser):
    """All findings, those of headers once, and the number of files. `analyser(command, file)` is the command to run,
    `settings` all else that its answer depends on."""
    wanted = sys.argv[1:] or ["src"]
    store = ROOT / "build/lint" / name
    store.mkdir(parents=True, exist_ok=True)
    commands = compile_commands(name, wanted)
    if not commands:
        sys.exit(f"{name}: no source file in {' '.join(wanted)}")
    jobs = int(os.environ.get("JOBS", 0)) or os.cpu_count()
    unique, used = {}, set()
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        answers = {file: pool.submit(ask, folder, command, analyser(command, file), settings, store)
                   for file, (folder, command) in commands.items()}
        for file, answer in answers.items():
            try:
                text, record = answer.result()
            except (RuntimeError, subprocess.CalledProcessError) as error:
                pool.shutdown(cancel_futures=True)
                sys.exit(f"{name}: {os.path.relpath(file, ROOT)}: {error}")
            used.add(record)
            for found in findings(text):
                unique.setdefault(found[1], found)
    if wanted == ["src"]:
        for record in store.iterdir():
            if record.name not in used:
                record.unlink()
    return list(unique.values()), len(commands)
