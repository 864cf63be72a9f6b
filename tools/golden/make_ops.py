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


torch.manual_seed(20)
batch_norm("batch_norm", False)
batch_norm("batch_norm_train", True)
pools()
softmax()
cross_entropy("cross_entropy", 0.0, [0, 1, 2, 3, 4, 0])
cross_entropy("cross_entropy_smooth", 0.1, [4, -1, 2, 2, -1, 0])
save("tests/golden/data/ops.safetensors", out)
