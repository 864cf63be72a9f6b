#!/usr/bin/python3
"""Makes tests/golden/data/schedules.safetensors: ten steps of PyTorch's optimisers under its learning-rate schedules,
in double, with given gradients: OPTIMIZER.SCHEDULE.STEP.NAME, NAME weights, first and second moment, and the average.

test_schedules.c walks the same steps with the trainer's rates and its update. Run from the root of the tree:
python3 tools/golden/make_schedules.py
"""
import torch
from torch.optim import lr_scheduler

from tensors import save

STEPS, WARMUP, PEAK, AVERAGE = 10, 0.25, 0.05, 0.8
GROUPS = [(1.0, 0.01), (0.1, 0.0)]  # factor on the rate, weight decay: 64 elements each
BETAS, EPS = (0.9, 0.999), 1e-8


def single(x):
    """As hone holds it."""
    return float(torch.tensor(x, dtype=torch.float32))


def schedule(optimizer, kind, total):
    rise = int(WARMUP * total)
    # Step s of the rise has (s + 1) / (rise + 1) of the peak.
    warm = lr_scheduler.LinearLR(optimizer, 1 / (rise + 1), 1.0, rise)
    after = {
        "cosine": lambda: lr_scheduler.CosineAnnealingLR(optimizer, total - rise),
        "linear": lambda: lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total - rise),
        "constant": lambda: lr_scheduler.ConstantLR(optimizer, 1.0, 0),
    }[kind]()
    return lr_scheduler.SequentialLR(optimizer, [warm, after], [rise])


def run(name, make, state, kind, start, gradients, out):
    weights = [w.clone().requires_grad_() for w in start]
    optimizer = make([
        {"params": [w], "lr": PEAK * single(rate), "weight_decay": single(decay)}
        for w, (rate, decay) in zip(weights, GROUPS)])
    plan = schedule(optimizer, kind, STEPS)
    average, rates = torch.cat(start).clone(), []
    for step in range(STEPS):
        for w, g in zip(weights, gradients[step]):
            w.grad = g.clone()
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        plan.step()
        flat = torch.cat([w.detach() for w in weights])
        # ExponentialMovingAverage(decay, num_updates) of TensorFlow
        average.lerp_(flat, 1 - min(AVERAGE, (step + 1) / (step + 10)))
        if step + 1 not in (1, STEPS):
            continue
        prefix = f"{name}.{kind}.{step + 1}"
        out[f"{prefix}.params"] = flat.clone()
        out[f"{prefix}.average"] = average.clone()
        for key, own in state.items():
            values = [optimizer.state[w].get(own) for w in weights]
            if values[0] is not None:  # SGD without momentum keeps none
                out[f"{prefix}.{key}"] = torch.cat(values)
    out[f"{name}.{kind}.rates"] = torch.tensor(rates, dtype=torch.float64)


torch.manual_seed(5)
start = [torch.randn(64).double() for _ in GROUPS]
gradients = [[torch.randn(64).double() for _ in GROUPS] for _ in range(STEPS)]
out = {
    "start": torch.cat(start),
    "gradients": torch.stack([torch.cat(g) for g in gradients]),
    "segments": torch.tensor(GROUPS),
    "peak_warmup_average": torch.tensor([PEAK, WARMUP, AVERAGE], dtype=torch.float64),
}
betas = tuple(single(b) for b in BETAS)
for kind in ("cosine", "linear", "constant"):
    run("plain", lambda g: torch.optim.SGD(g, lr=1), {}, kind, start, gradients, out)
    run("sgd", lambda g: torch.optim.SGD(g, lr=1, momentum=single(0.9)), {"momentum": "momentum_buffer"}, kind, start,
        gradients, out)
    run("adamw", lambda g: torch.optim.AdamW(g, lr=1, betas=betas, eps=single(EPS)),
        {"momentum": "exp_avg", "variance": "exp_avg_sq"}, kind, start, gradients, out)
arrays = {name: value.detach().numpy() for name, value in out.items()}
save("tests/golden/data/schedules.safetensors",
     {name: a if name.endswith(("rates", "average")) and a.size < 64 else a.astype("float32") for name, a in arrays.items()})
