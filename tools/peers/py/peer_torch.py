"""PyTorch on the CPU."""

import torch
import torch.nn.functional as F
from common import WEIGHTS, affine, load_vit, serve, threads, timed, values

torch.set_num_threads(threads())
torch.set_grad_enabled(False)


class Vit:
    """CLIP's vision tower with torch's own operators."""

    def __init__(self):
        self.w = {name: torch.from_numpy(v) for name, v in load_vit().items()}

    def linear(self, x, name):
        return F.linear(x, self.w[f"{name}.weight"], self.w[f"{name}.bias"])

    def norm(self, x, name):
        return F.layer_norm(x, x.shape[-1:], self.w[f"{name}.weight"], self.w[f"{name}.bias"])

    def __call__(self, pixels):
        w = self.w
        cells = F.conv2d(pixels, w["embeddings.patch_embedding.weight"], stride=16).flatten(2).mT
        head = w["embeddings.class_embedding"].expand(len(cells), 1, -1)
        x = torch.cat([head, cells], 1) + w["embeddings.position_embedding.weight"]
        x = self.norm(x, "pre_layrnorm")
        for i in range(12):
            at = f"encoder.layers.{i}"
            qkv = self.linear(self.norm(x, f"{at}.layer_norm1"), f"{at}.self_attn.qkv")
            q, k, v = (part.unflatten(2, (12, 64)).transpose(1, 2) for part in qkv.chunk(3, 2))
            seen = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
            x = x + self.linear(seen, f"{at}.self_attn.out_proj")
            y = self.linear(self.norm(x, f"{at}.layer_norm2"), f"{at}.mlp.fc1")
            x = x + self.linear(y * torch.sigmoid(1.702 * y), f"{at}.mlp.fc2")
        return F.linear(self.norm(x[:, 0], "post_layernorm"), w["visual_projection.weight"])


def prepare(name, sizes):
    if name == "gemm":
        _, n, k = sizes
        b = torch.from_numpy(values(WEIGHTS, n, k))
        return lambda a: timed(F.linear, torch.from_numpy(a), b)
    if name == "attention":

        def attention(qkv):
            q, k, v = torch.from_numpy(qkv).permute(1, 2, 0, 3)[:, None].contiguous()
            seconds, result = timed(F.scaled_dot_product_attention, q, k, v)
            return seconds, result[0].transpose(0, 1)

        return attention
    if name == "layernorm":
        gamma, beta = map(torch.from_numpy, affine(sizes[1]))
        return lambda x: timed(F.layer_norm, torch.from_numpy(x), sizes[1:], gamma, beta)
    vit = Vit()
    return lambda x: timed(vit, torch.from_numpy(x))


serve(f"torch {torch.__version__}; CPU, {torch.get_num_threads()} threads", prepare)
