"""Makes tests/fixtures/torch: small files as PyTorch itself writes them.

Needs torch and numpy. Values count up from one tensor to the next, so that the tests can say what they must be.
"""

import collections
import pathlib
import zipfile

import numpy
import torch

OUT = pathlib.Path(__file__).parent.parent / "tests/fixtures/torch"


def tensors():
    count = lambda *shape: torch.arange(torch.Size(shape).numel(), dtype=torch.float32).reshape(shape)
    base = count(10)
    return collections.OrderedDict(
        {
            "f32": count(2, 3),
            "f16": count(2, 2).half(),
            "bf16": count(3).bfloat16(),
            "f64": count(2).double(),
            "i64": torch.arange(4),
            "bool": torch.tensor([True, False]),
            "scalar": torch.tensor(4.5),
            "empty": torch.zeros(0, 3),
            "turned": count(2, 3).t(),
            "expanded": count(1, 2).expand(3, 2),
            "part": base[2:5],
            "every_third": base[1::3],
            "shared": base,
            "parameter": torch.nn.Parameter(count(2)),
        }
    )


class Inner(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.proj = torch.nn.Parameter(torch.arange(6.0).reshape(2, 3).half())
        self.words, self.sizes = ["a", "b"], [1, 2]

    def forward(self, x):
        return x @ self.proj


class Outer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.visual = Inner()
        self.blocks = torch.nn.ModuleList([Inner()])
        self.register_buffer("input_resolution", torch.tensor(336))

    def forward(self, x):
        return self.visual(x)


def learner(spelling):
    """A checkpoint of two prompts of three words, one text layer, two vision layers, widths 4 and 6, one adapter."""
    start = 0

    def parameter(*shape):
        nonlocal start
        start += 1
        return torch.nn.Parameter(torch.full(shape, float(start)))

    prompts = collections.OrderedDict(
        {
            "learnable_normal_tokens": parameter(2, 3, 4),
            "learnable_abnormal_tokens": parameter(2, 3, 4),
            "learnable_layer_tokens.0": parameter(4, 4),
            "meta_net.0.weight": parameter(1, 4),
        }
    )
    visual = collections.OrderedDict({"learnable_visual_tokens": parameter(2, 4, 6)})
    adapter = collections.OrderedDict({"fc.0.weight": parameter(4, 6), "fc.0.bias": parameter(4)})
    adam = torch.optim.Adam(list(adapter.values()))
    sum(p.sum() for p in adapter.values()).backward()
    adam.step()
    parts = dict(zip(spelling, (prompts, visual, adapter)))
    return {"epoch": 1} | parts | {"optimizer_state_dict": adam.state_dict(), "train_loss": numpy.float64(0.25)}


def without_debug_records(path):
    """They hold the paths of this machine."""
    with zipfile.ZipFile(path) as archive:
        parts = [(i, archive.read(i)) for i in archive.infolist() if not i.filename.endswith(".debug_pkl")]
    with zipfile.ZipFile(path, "w") as archive:
        for info, data in parts:
            archive.writestr(info, data)


OUT.mkdir(parents=True, exist_ok=True)
torch.save(tensors(), OUT / "plain.pt")
torch.save(tensors(), OUT / "legacy.pt", _use_new_zipfile_serialization=False)
torch.save({"epoch": 3, "state_dict": {"module." + k: v for k, v in tensors().items()}}, OUT / "wrapped.pt")
torch.save(torch.nn.Linear(1, 1), OUT / "module.pt")
torch.jit.script(Outer()).save(OUT / "script.pt")
without_debug_records(OUT / "script.pt")
torch.save(learner(("prompt_learner", "visual_prompt", "linear_adapter")), OUT / "learner.pth")
old = ("prompt_learner_state_dict", "visual_prompt_state_dict", "trainable_adapter_state_dict")
torch.save(learner(old), OUT / "learner_old.pth")
