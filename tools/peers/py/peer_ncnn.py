"""ncnn on Vulkan, in float32, its nets written here layer by layer.

Its Python interface has no device tensors: the upload of the input is part of the time.
"""

import os

# One driver of several would otherwise be asked for a display by Mesa's device-select layer.
os.environ.setdefault("NODEVICE_SELECT", "1")

import ncnn
import numpy as np
from common import WEIGHTS, affine, load_vit, serve, threads, timed, values


# What peer_ncnn_inner.py asks for.
INNER = os.environ.get("DAPO_PEER_NCNN_INNER") == "1"
_KEPT = []  # the weights that the net of the day reads in place


class Net:
    """A net in the making: every method returns the name of a blob."""

    def __init__(self):
        self.lines, self.blobs, self.weights = [], 0, []

    def layer(self, kind, inputs, outputs=1, **params):
        """Parameters are written `_0=768`: ncnn names them by number."""
        names = [f"b{self.blobs + i}" for i in range(outputs)]
        self.blobs += outputs
        words = [kind, f"l{len(self.lines)}", len(inputs), outputs, *inputs, *names]
        words += [f"{key[1:]}={value}" for key, value in params.items()]
        self.lines.append(" ".join(map(str, words)))
        return names[0] if outputs == 1 else names

    def raw(self, *arrays):
        self.weights += [np.ascontiguousarray(a, np.float32) for a in arrays]

    def tagged(self, array):
        self.raw(np.zeros(1), array)  # the tag 0: float32 follows

    def constant(self, array):
        self.raw(array)
        width, height = array.shape[::-1]
        return self.layer("MemoryData", [], _0=width, _1=height)

    def twice(self, x):
        return self.layer("Split", [x], outputs=2)

    def linear(self, x, weight, bias=None):
        """As Gemm with constant B and C, or as InnerProduct: ncnn has both for the same work."""
        n, k = weight.shape
        if INNER:
            self.tagged(weight)
            if bias is not None:
                self.raw(bias)
            return self.layer("InnerProduct", [x], _0=n, _1=int(bias is not None), _2=weight.size)
        self.tagged(weight)
        if bias is not None:
            self.tagged(bias)
        return self.layer("Gemm", [x], _3=1, _5=1, _6=1, _8=n, _9=k, _10=-1 if bias is None else 4)

    def norm(self, x, gamma, beta):
        self.raw(gamma, beta)
        return self.layer("LayerNorm", [x], _0=len(gamma), _1=1e-5, _2=1)

    def add(self, x, y):
        return self.layer("BinaryOp", [x, y], _0=0)

    def load(self):
        net = ncnn.Net()
        net.opt.use_vulkan_compute = True
        net.opt.num_threads = threads()
        net.opt.openmp_blocktime = 0
        for name in dir(net.opt):  # float32 throughout, as everybody else
            if name.startswith("use_") and ("fp16" in name or "bf16" in name or "int8" in name):
                setattr(net.opt, name, False)
        text = "\n".join(["7767517", f"{len(self.lines)} {self.blobs}", *self.lines, ""])
        if net.load_param_mem(text) != 0:
            raise RuntimeError("ncnn refuses the net:\n" + text)
        weights = b"".join(a.tobytes() for a in self.weights)
        _KEPT[:] = [weights]
        net.load_model_mem(weights)
        return net


def run(net, inputs, output):
    """Everything an application does for one input: extractor, upload, layers, read-back."""

    def work():
        extractor = net.create_extractor()
        for name, mat in inputs.items():
            if extractor.input(name, mat) != 0:
                raise RuntimeError(f"no input {name}")
        code, result = extractor.extract(output)
        if code != 0:
            raise RuntimeError(f"ncnn could not compute {output}: {code}")
        return result

    seconds, result = timed(work)
    return seconds, np.array(result)


def vit():
    w, net = load_vit(), Net()

    def affine_at(name):
        return w[f"{name}.weight"], w[f"{name}.bias"]

    def residual(x, work):
        kept, x = net.twice(x)
        return net.add(kept, work(x))

    def attention(x, at):
        for part in "q_proj", "k_proj", "v_proj", "out_proj":
            weight, bias = affine_at(f"{at}.self_attn.{part}")
            net.tagged(weight)
            net.raw(bias)
        return net.layer("MultiHeadAttention", [x], _0=768, _1=12, _2=768 * 768)

    def mlp(x, at):
        x, y = net.twice(net.linear(x, *affine_at(f"{at}.mlp.fc1")))
        y = net.layer("Sigmoid", [net.layer("BinaryOp", [y], _0=2, _1=1, _2=1.702)])
        return net.linear(net.layer("BinaryOp", [x, y], _0=2), *affine_at(f"{at}.mlp.fc2"))

    x = net.layer("Input", [])
    weight = w["embeddings.patch_embedding.weight"]
    net.tagged(weight)
    x = net.layer("Convolution", [x], _0=768, _1=16, _3=16, _5=0, _6=weight.size)
    x = net.layer("Permute", [net.layer("Reshape", [x], _0=196, _1=768)], _0=1)
    x = net.layer("Concat", [net.constant(w["embeddings.class_embedding"][None]), x], _0=0)
    x = net.add(x, net.constant(w["embeddings.position_embedding.weight"]))
    x = net.norm(x, *affine_at("pre_layrnorm"))
    for i in range(12):
        at = f"encoder.layers.{i}"
        x = residual(x, lambda x: attention(net.norm(x, *affine_at(f"{at}.layer_norm1")), at))  # noqa: B023
        x = residual(x, lambda x: mlp(net.norm(x, *affine_at(f"{at}.layer_norm2")), at))  # noqa: B023
    x = net.layer("Crop", [x], _0=0, _1=0, _3=768, _4=1)
    return net, net.linear(net.norm(x, *affine_at("post_layernorm")), w["visual_projection.weight"])


def prepare(name, sizes):
    if name == "vit-b-16":
        if sizes[0] != 1:
            raise ValueError("ncnn takes one image at a time")
        net, output = vit()
        loaded = net.load()
        return lambda x: run(loaded, {"b0": ncnn.Mat(x[0])}, output)
    net = Net()
    if name == "attention":
        inputs = [net.layer("Input", []) for _ in "qkv"]
        output = net.layer("SDPA", inputs)
        loaded = net.load()

        def attention(qkv):
            parts = np.ascontiguousarray(qkv.transpose(1, 2, 0, 3))
            seconds, result = run(
                loaded, {b: ncnn.Mat(p) for b, p in zip(inputs, parts, strict=True)}, output
            )
            return seconds, result.transpose(1, 0, 2)

        return attention
    x = net.layer("Input", [])
    if name == "gemm":
        _, n, k = sizes
        output = net.linear(x, values(WEIGHTS, n, k))
    else:
        output = net.norm(x, *affine(sizes[1]))
    loaded = net.load()
    return lambda a: run(loaded, {x: ncnn.Mat(a)}, output)


if ncnn.get_gpu_count() == 0:
    raise SystemExit("ncnn finds no Vulkan device")
device = ncnn.get_gpu_info(0).device_name()
serve(f"ncnn {ncnn.__version__}; Vulkan, {device}", prepare)
