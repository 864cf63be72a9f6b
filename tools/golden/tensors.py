"""Writes golden files: named arrays in the safetensors format, without its package.

An 8-byte little-endian length, that many bytes of JSON {"name": {"dtype", "shape", "data_offsets"}}, the data.
"""
import json
import struct

import numpy

DTYPES = {"float32": "F32", "float64": "F64", "int32": "I32", "uint8": "U8"}


def save(path, tensors):
    header, data, length = {}, [], 0
    for name, value in tensors.items():
        array = numpy.ascontiguousarray(value)
        header[name] = {
            "dtype": DTYPES[str(array.dtype)],
            "shape": list(array.shape),
            "data_offsets": [length, length + array.nbytes],
        }
        data.append(array.tobytes())
        length += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.writelines(data)


def nhwc(tensor):
    """A torch (N,C,H,W) activation, or (K,C,R,S) weight, as hone holds it: (N,H,W,C), (K,R,S,C)."""
    array = tensor.detach().numpy()
    return array.transpose(0, 2, 3, 1) if array.ndim == 4 else array
