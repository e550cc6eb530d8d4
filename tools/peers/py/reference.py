"""The answers in float64, and how much arithmetic a case is."""

import numpy as np
from common import WEIGHTS, affine, case_input, load_vit, places, values

# Largest |difference| to float64 over the root mean square of the result. Float32 stays below 2e-5 on
# these cases; float16 (switched on in ncnn) was off by 1e-3 and more, and so is refused.
TOLERANCE = 1e-4


def flops(name, sizes):
    """Floating-point operations, or None where the work is memory."""
    if name == "gemm":
        return 2 * int(np.prod(sizes))
    if name == "attention":
        tokens, heads, dim = sizes
        return 4 * tokens * tokens * heads * dim
    if name == "layernorm":
        return None
    tokens, width, cells = 197, 768, 196
    block = 24 * tokens * width * width + 4 * tokens * tokens * width
    return sizes[0] * (2 * cells * width * width + 12 * block + 2 * width * 512)


def expected(name, sizes, run, count):
    """The sampled elements of the result in float64."""
    x = case_input(name, sizes, run).astype(np.float64)
    if name == "gemm":
        m, n, k = sizes
        row, column = np.divmod(places(count, m * n), n)
        return np.einsum("ik,ik->i", x[row], values(WEIGHTS, n, k)[column].astype(np.float64))
    if name == "attention":
        tokens, heads, dim = sizes
        at = np.unravel_index(places(count, tokens * heads * dim), (tokens, heads, dim))
        return np.array([attention_element(x, *where) for where in zip(*at, strict=True)])
    if name == "layernorm":
        y = normalise(x, *(p.astype(np.float64) for p in affine(sizes[1])))
    else:
        y = vit(x)
    return y.reshape(-1)[places(count, y.size)]


def attention_element(qkv, token, head, element):
    """One element of one head's output."""
    q, k, v = qkv[token, 0, head], qkv[:, 1, head], qkv[:, 2, head, element]
    return softmax(k @ q / np.sqrt(len(q))) @ v


def softmax(x):
    p = np.exp(x - x.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True)


def normalise(x, gamma, beta):
    x = x - x.mean(-1, keepdims=True)
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * gamma + beta


_VIT = {}


def vit(pixels):
    """CLIP's vision tower, pixels [batch, 3, 224, 224] to features [batch, 512]."""
    if not _VIT:
        _VIT.update({name: v.astype(np.float64) for name, v in load_vit().items()})
    w = _VIT

    def norm(x, name):
        return normalise(x, w[f"{name}.weight"], w[f"{name}.bias"])

    def linear(x, name):
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    batch = len(pixels)
    cells = pixels.reshape(batch, 3, 14, 16, 14, 16).transpose(0, 2, 4, 1, 3, 5).reshape(batch, 196, 768)
    cells = cells @ w["embeddings.patch_embedding.weight"].reshape(768, 768).T
    head = np.broadcast_to(w["embeddings.class_embedding"], (batch, 1, 768))
    x = np.concatenate([head, cells], 1) + w["embeddings.position_embedding.weight"]
    x = norm(x, "pre_layrnorm")
    for i in range(12):
        at = f"encoder.layers.{i}"
        qkv = linear(norm(x, f"{at}.layer_norm1"), f"{at}.self_attn.qkv")
        q, k, v = qkv.reshape(batch, 197, 3, 12, 64).transpose(2, 0, 3, 1, 4)
        seen = (softmax(q @ k.swapaxes(-1, -2) / 8) @ v).swapaxes(1, 2).reshape(batch, 197, 768)
        x = x + linear(seen, f"{at}.self_attn.out_proj")
        y = linear(norm(x, f"{at}.layer_norm2"), f"{at}.mlp.fc1")
        x = x + linear(y / (1 + np.exp(-1.702 * y)), f"{at}.mlp.fc2")
    return norm(x[:, 0], "post_layernorm") @ w["visual_projection.weight"].T


def error(found, answer):
    """Largest |difference| relative to the root mean square; NaN counts as infinite."""
    found = np.asarray(found)
    if found.shape != answer.shape or not np.isfinite(found).all():
        return float("inf")
    return float(np.abs(found - answer).max() / np.sqrt(np.mean(answer * answer)))
