#!/usr/bin/python3
"""Makes tests/golden/data/ops.safetensors: operators of PyTorch in double, forward and backward.

Inputs are rounded to float32 first, so that both sides start from the same numbers. test_ops.c compares the
reference of each operator with it. Run from the root of the tree: python3 tools/golden/make_ops.py
"""
import torch
import torch.nn.functional as F

from tensors import nhwc, save

out = {}


def randn(*shape, scale=1.0, shift=0.0):
    return (torch.randn(*shape) * scale + shift).float().double().requires_grad_()


def put(prefix, **tensors):
    for name, value in tensors.items():
        array = nhwc(value)
        out[f"{prefix}.{name}"] = array.astype("int32") if array.dtype == "int64" else array


def batch_norm(prefix, training):
    x, gamma, beta = randn(3, 5, 4, 7, shift=0.5, scale=2.0), randn(5), randn(5)
    mean, var = randn(5).detach(), (torch.rand(5) + 0.5).float().double()
    put(prefix, x=x, gamma=gamma, beta=beta, mean=mean, var=var)
    new_mean, new_var = mean.clone(), var.clone()
    # hone holds momentum and eps as float32
    eps, momentum = float(torch.tensor(1e-3)), float(torch.tensor(0.1))
    y = F.batch_norm(x, new_mean, new_var, gamma, beta, training, momentum, eps)
    dy = randn(*y.shape).detach()
    y.backward(dy)
    put(prefix, y=y, dy=dy, dx=x.grad, dgamma=gamma.grad, dbeta=beta.grad, new_mean=new_mean, new_var=new_var)


def pools():
    x = randn(2, 3, 9, 10)
    y, index = F.max_pool2d(x, 3, 2, 1, return_indices=True)
    dy = randn(*y.shape).detach()
    y.backward(dy)
    # From a flat position in the picture to one in the window.
    p, q = torch.meshgrid(torch.arange(y.shape[2]), torch.arange(y.shape[3]), indexing="ij")
    index = (index // 10 - (2 * p - 1)) * 3 + (index % 10 - (2 * q - 1))
    put("max_pool", x=x, y=y, index=index.int(), dy=dy, dx=x.grad)
    for name, count in (("avg_pool_count", True), ("avg_pool_inside", False)):
        x = randn(2, 3, 9, 10)
        y = F.avg_pool2d(x, (3, 2), (2, 1), 1, count_include_pad=count)
        dy = randn(*y.shape).detach()
        y.backward(dy)
        put(name, x=x, y=y, dy=dy, dx=x.grad)
    x = randn(2, 3, 5, 4)
    put("global_avg_pool", x=x, y=F.adaptive_avg_pool2d(x, 1))


def transformers():
    x, gamma, beta = randn(2, 5, 12, scale=2.0, shift=0.5), randn(12), randn(12)
    eps = float(torch.tensor(1e-3))
    y = F.layer_norm(x, (12,), gamma, beta, eps)
    dy = randn(*y.shape).detach()
    y.backward(dy)
    mean, var = x.mean(-1), x.var(-1, unbiased=False)
    out.update({f"layer_norm.{name}": value.detach().numpy() for name, value in dict(
        x=x, gamma=gamma, beta=beta, y=y, dy=dy, dx=x.grad, dgamma=gamma.grad, dbeta=beta.grad, mean=mean,
        invstd=(var + eps).rsqrt()).items()})
    qkv, scale = randn(2, 7, 3, 2, 6), float(torch.tensor(0.35))
    q, k, v = qkv.permute(2, 0, 3, 1, 4)
    scores = scale * q @ k.transpose(-2, -1)
    y = (scores.softmax(-1) @ v).transpose(1, 2)
    dy = randn(*y.shape).detach()
    y.backward(dy)
    out.update({f"attention.{name}": value.detach().contiguous().numpy() for name, value in dict(
        qkv=qkv, y=y, dy=dy, dqkv=qkv.grad, lse=scores.logsumexp(-1)).items()})
    a, b = randn(2, 3, 5, 4), randn(2, 3, 4, 6)
    y = a @ b
    out.update({f"batch_matmul.{name}": value.detach().numpy() for name, value in dict(a=a, b=b, y=y).items()})


def softmax():
    x = randn(4, 7, scale=3.0)
    y = F.softmax(x, 1)
    dy = randn(4, 7).detach()
    y.backward(dy)
    put("softmax", x=x, y=y, dy=dy, dx=x.grad)


def cross_entropy(prefix, smoothing, labels):
    logits, weights = randn(6, 5, scale=3.0), (torch.rand(5) + 0.5).float().double()
    labels = torch.tensor(labels)
    loss = F.cross_entropy(logits, labels, weights, ignore_index=-1, label_smoothing=float(torch.tensor(smoothing)))
    loss.backward()
    put(prefix, logits=logits, labels=labels.int(), weights=weights, loss=loss.reshape(1), dlogits=logits.grad)


def focal(prefix, gamma, smoothing, labels):
    """The focal loss for many classes: PyTorch has none, but each row's cross-entropy and the softmax."""
    logits, weights = randn(6, 5, scale=3.0), (torch.rand(5) + 0.5).float().double()
    labels = torch.tensor(labels)
    rows = F.cross_entropy(logits, labels, weights, ignore_index=-1, reduction="none",
                           label_smoothing=float(torch.tensor(smoothing)))
    counts = labels >= 0
    known = logits.softmax(1)[torch.arange(6), labels.clamp(min=0)]
    loss = ((1 - known) ** gamma * rows)[counts].sum() / weights[labels[counts]].sum()
    loss.backward()
    put(prefix, logits=logits, labels=labels.int(), weights=weights, loss=loss.reshape(1), dlogits=logits.grad)


def activations(**kinds):
    for name, function in kinds.items():
        x = randn(5, 13, scale=4.0)
        y = function(x)
        dy = randn(*y.shape).detach()
        y.backward(dy)
        put(name, x=x, y=y, dy=dy, dx=x.grad)


def conv(prefix, x, w, pad, **options):
    """pad: left, right, top, bottom."""
    b = randn(w.shape[0])
    y = F.conv2d(F.pad(x, pad), w, b, **options)
    dy = randn(*y.shape).detach()
    y.backward(dy)
    put(prefix, x=x, w=w, b=b, y=y, dy=dy, dx=x.grad, dw=w.grad)


def linear():
    x, w, b = randn(4, 7), randn(3, 7), randn(3)
    put("linear", x=x, w=w, b=b, y=F.linear(x, w, b))


def optimizer(prefix, make, state, betas):
    """Two tensors of 64 elements in groups of their own; the values before and after the third step."""
    lr, steps = 0.05, 3
    weights = [randn(64) for _ in range(2)]
    groups = [(1.0, float(torch.tensor(0.01))), (float(torch.tensor(0.1)), 0.0)]
    optim = make([{"params": [w], "lr": lr * rate, "weight_decay": decay} for w, (rate, decay) in zip(weights, groups)])

    def slabs(suffix):
        put(prefix, **{"w" + suffix: torch.cat([w.detach().clone() for w in weights])})
        for name, key in state.items():
            put(prefix, **{name + suffix: torch.cat([optim.state[w][key].clone() for w in weights])})

    for step in range(steps):
        for w in weights:
            w.grad = randn(64).detach()
        if step == steps - 1:
            slabs("")
            put(prefix, g=torch.cat([w.grad for w in weights]))
        optim.step()
    slabs("_next")
    put(prefix, segments=torch.tensor(groups, dtype=torch.float64),
        hyper=torch.tensor([lr, 1 - betas[0] ** steps, 1 - betas[1] ** steps, 0], dtype=torch.float64))


torch.manual_seed(20)
batch_norm("batch_norm", False)
batch_norm("batch_norm_train", True)
pools()
softmax()
cross_entropy("cross_entropy", 0.0, [0, 1, 2, 3, 4, 0])
cross_entropy("cross_entropy_smooth", 0.1, [4, -1, 2, 2, -1, 0])
activations(relu=F.relu, relu6=F.relu6, sigmoid=torch.sigmoid, silu=F.silu, hard_swish=F.hardswish)
conv("conv_stride", randn(2, 3, 9, 8), randn(5, 3, 3, 3), (1, 1, 1, 1), stride=2)
conv("conv_dilated", randn(1, 4, 9, 10), randn(3, 4, 3, 2), (2, 1, 0, 3), stride=(1, 2), dilation=(2, 3))
conv("conv_groups", randn(2, 6, 5, 7), randn(4, 3, 3, 3), (1, 1, 1, 1), groups=2)
conv("conv_depthwise", randn(2, 4, 8, 8), randn(4, 1, 3, 3), (0, 1, 0, 1), stride=2, groups=4)
linear()
momentum, beta2, eps = float(torch.tensor(0.9)), float(torch.tensor(0.999)), float(torch.tensor(1e-8))
for name, nesterov in (("sgd", False), ("sgd_nesterov", True)):
    optimizer(name, lambda groups: torch.optim.SGD(groups, lr=1, momentum=momentum, nesterov=nesterov),
              {"m": "momentum_buffer"}, (momentum, 0))
optimizer("adamw", lambda groups: torch.optim.AdamW(groups, lr=1, betas=(momentum, beta2), eps=eps),
          {"m": "exp_avg", "v": "exp_avg_sq"}, (momentum, beta2))
activations(gelu=F.gelu, gelu_tanh=lambda x: F.gelu(x, approximate="tanh"), tanh=torch.tanh)
transformers()
focal("focal", 2.0, 0.0, [0, 1, 2, 3, 4, 0])
focal("focal_smooth", 0.5, 0.1, [4, -1, 2, 2, -1, 0])
save("tests/golden/data/ops.safetensors", out)
