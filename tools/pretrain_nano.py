#!/usr/bin/env python3
"""Pretrain dapo-nano, a CLIP of 2.05 million parameters for defect inspection, from procedurally generated images alone.

    dapo-wgpu synth --out build/shards --shards 160000 --seed 1      # the training images (about 10 GB)
    python3 tools/pretrain_nano.py --shards build/shards --out weights/dapo-nano --minutes 65
    python3 tools/pretrain_nano.py --shards build/shards --out weights/dapo-nano --eval
    python3 tools/pretrain_nano.py --out weights/dapo-nano --eval-folder DATASET/tile --object tile --defects crack,hole

Needs: pip install torch numpy safetensors tokenizers pillow. Runs on the CPU, where two cores are enough, or with
`--device cuda` on a GPU that PyTorch knows.

The model is trained for exactly what training-free detection asks of it. For each image the classes are "normal" and
every defect, each as one caption with sampled template and synonyms; the loss is
    2   x cross-entropy of every patch over the classes (patch features share the class token's projection)
  + 0.5 x image-text contrast over all objects x states of the step
  + 0.5 x cross-entropy of the image over its own object's states
  + 0.25 x binary terms: image good or bad from its worst patches, and patches against "some defect" captions.
With --captions-only SHARE there are no labels: each image is told from others by its caption, and only this share of captions
says in what state the object is (weights/captions).
The object's name is often swapped for a generic or an unrelated word, and classes are left out at random, so that any
object word and any list of defects works. With --steps the run is reproducible from --seed; with --minutes the cosine
schedule follows the clock, so a slower machine sees fewer images but still ends on a finished schedule.
"""

import argparse
import copy
import itertools
import math
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

from nano import evaluate, text
from nano.data import Shards, augment, augment_references
from nano.model import Clip, export, full_config, load

LOG100 = math.log(100.0)
PARTS = ("loss", "patch", "contrast", "state", "worst", "some", "near")


class Worker:
    """One thread's half of a step: sample, augment, run a copy of the model in --precision, leave the gradients in it.

    Two single-threaded halves beat one two-threaded step: they meet once per step instead of once per operation.
    """

    def __init__(self, number, args, shards, train, tokenizer, master):
        self.number, self.rng, self.gen = number, random.Random(), torch.Generator(args.device)
        self.args, self.shards, self.tokenizer, self.master = args, shards, tokenizer, master
        self.model = copy.deepcopy(master).to(self.args.dtype)
        # bfloat16 has three digits: keep the one scalar that multiplies every logit in float32.
        self.model.logit_scale.data = master.logit_scale.data.clone()
        self.defects = shards.defect_names
        self.by_object = {o: [] for o in shards.object_names}
        for i in train:
            self.by_object[shards.objects[i]].append(i)

    def seed(self, step):
        """Make the batch a function of (seed, worker, step), so that a resumed run goes on as the first would have."""
        base = (self.args.seed * 1_000_003 + step) * self.args.workers + self.number
        self.rng.seed(base)
        self.gen.manual_seed(base)

    def batch(self, size, calm):
        """Images of a few objects; the last prompt group is a generic word that half the images are asked with."""
        names = self.rng.sample(sorted(self.by_object), min(self.args.objects, len(self.by_object)))
        who = [self.rng.randrange(len(names)) for _ in range(size)]
        indices = [self.rng.choice(self.by_object[names[g]]) for g in who]
        defects = [self.shards.defects[i] for i in indices]
        images, masks = (part.to(self.args.device) for part in self.shards.read(indices))
        colour = torch.tensor([d == "color" for d in defects])
        paired = int(size * self.args.paired)
        references = self.shards.read_references(indices[:paired]) if paired else None
        if references is not None:
            # References are spared crops and turns; flips of both alike are in the generator.
            references = augment_references(references.to(self.args.device), colour[:paired], self.gen)
        pixels, masks = augment(images, masks, colour, self.gen, calm, still=paired)
        states = torch.tensor([self.defects.index(d) + 1 if d != "good" else 0 for d in defects])
        words = [text.sample_object(n, self.rng) for n in names] + [text.sample_generic(self.rng)]
        captions = [c for w in words for c in text.sample_states(w, self.defects, self.rng)]
        if self.args.captions_only:
            rows, each = iter(captions), len(self.defects) + 2
            captions = [c for w in words for c in (*itertools.islice(rows, each), text.sample_plain(w, self.rng))]
        ids = torch.tensor(text.encode(self.tokenizer, captions))
        return pixels, masks, states, torch.tensor(who), ids, references

    def nearest_loss(self, states, references, bad, weight):
        """Patches of the first images against those of their references: how far a patch is from the nearest one, at each
        of the compared blocks, says whether it is defective. `bad` and `weight` are [B,N]."""
        _, _, others = self.model.image_and_states(references.to(self.args.dtype), self.args.layers)
        n = len(references)
        distance = 0
        for mine, theirs in zip(states, others):
            mine, theirs = F.normalize(mine[:n], dim=-1), F.normalize(theirs, dim=-1)
            distance = distance + (1 - (mine @ theirs.transpose(1, 2)).amax(2)) / len(states)
        log_d = (distance + 1e-4).log()
        bad, weight = bad[:n].float(), weight[:n]
        # The step between good and defective is about twice the mean of the good ones: of this image's, as the
        # program measures distances against what is usual for a part, and of all images'.
        good = weight * (1 - bad)
        loss = 0
        for over in ((1,), (0, 1)):
            mean = (log_d * good).sum(over, keepdim=True) / good.sum(over, keepdim=True).clamp(min=1)
            each = F.binary_cross_entropy_with_logits(4 * (log_d - mean) - 3, bad, reduction="none")
            loss = loss + (each * weight).sum() / weight.sum().clamp(min=1)
        return loss

    def caption_loss(self, pixels, masks, state, who, ids, _, keep_ratio):
        """Image-text contrast alone. As on the web, few captions say more than what the object is: an image whose
        caption names its state is told apart from the same object in other states, any other from other objects only.
        """
        k, share = len(self.defects), self.args.captions_only
        keep = None
        if keep_ratio < 1:
            patches = (pixels.shape[-1] // self.model.config["vision_config"]["patch_size"]) ** 2
            keep = torch.rand(len(pixels), patches, generator=self.gen).argsort(1)[:, : int(patches * keep_ratio)]
        # A crop may have lost the defect: what a caption says is still in the picture, or it says nothing.
        whole = (state == 0) | (masks.sum((1, 2, 3)) >= 10)
        says = (torch.rand(len(pixels), generator=self.gen) < share) & whole
        cls, _ = self.model.image(pixels.to(self.args.dtype), keep)
        captions = self.model.text(ids).view(-1, k + 3, cls.shape[-1])[:-1]  # the last group is a generic word
        scale = self.model.logit_scale.clamp(max=LOG100).exp()
        logits = scale * torch.einsum("bp,gcp->bgc", cls, captions)
        objects, states = logits[..., -1], logits[..., :-2].flatten(1)
        silent = F.cross_entropy(objects, who, reduction="none")
        told = F.cross_entropy(states, who * (k + 1) + state, reduction="none")
        loss = torch.where(says, told, silent).mean()
        return loss, (told[says].mean().nan_to_num(), silent.mean())

    def losses(self, pixels, masks, state, who, ids, references, keep_ratio):
        b, k, gen = len(pixels), len(self.defects), self.gen
        patch = self.model.config["vision_config"]["patch_size"]
        cover = F.avg_pool2d(masks, patch).flatten(1)  # share of each patch that is defective
        keep = None
        if keep_ratio < 1:
            # Random patches are left out of the whole tower: nearly twice the images per second for some context.
            keep = torch.rand(cover.shape, generator=gen).argsort(1)[:, : int(cover.shape[1] * keep_ratio)]
            cover_kept = cover.gather(1, keep)
        else:
            cover_kept = cover
        # A crop may have lost the defect (the image is good then), kept a sliver, or consist of it: skip the last two.
        pixels_bad = masks.sum((1, 2, 3))
        state = torch.where(pixels_bad < 0.5, 0, state)
        sure = ((state == 0) | (pixels_bad >= 10)) & (pixels_bad < 0.8 * masks[0].numel())

        if references is None or keep is not None:
            references = None  # patches that were left out have no nearest ones
            cls, patches = self.model.image(pixels.to(self.args.dtype), keep)
        else:
            cls, patches, states = self.model.image_and_states(pixels.to(self.args.dtype), self.args.layers)
        captions = self.model.text(ids).view(-1, k + 2, cls.shape[-1])
        scale = self.model.logit_scale.clamp(max=LOG100).exp()
        generic = torch.rand(b, generator=gen) < 0.5
        group = captions[torch.where(generic, len(captions) - 1, who)]  # [B, K+2, P]; the last class is "some defect"

        # Half the images are asked with a shorter list of defects, as users will.
        short = (torch.rand(b, 1, generator=gen) < 0.5) & (
            torch.rand(b, k + 1, generator=gen) < torch.rand(b, 1, generator=gen)
        )
        short[:, 0] = False
        short[torch.arange(b), state] = False
        dropped = torch.zeros(b, k + 1).masked_fill(short, -1e4)  # finite: all defects may be out

        logits = scale * torch.einsum("bnp,bcp->bnc", patches, group)
        bad = cover_kept >= self.args.cover
        weight = ((cover_kept <= 0) | bad).float() * (1 + (self.args.defect_weight - 1) * bad)
        weight = weight * (sure | (pixels_bad < 10)).float()[:, None]
        target = torch.where(bad, state[:, None], 0)
        classes = logits[..., :-1] + dropped[:, None]
        # Cross-entropy in two parts, defective or not and which defect: -log p(c) = -log p(defect) - log p(c | defect).
        # The second is weighted by the image, not by the patch: else large defects decide what every patch is called.
        log_p = classes.log_softmax(-1)
        any_defect = log_p[..., 1:].logsumexp(-1)
        found = -torch.where(bad, any_defect, log_p[..., 0])
        kind = (any_defect - log_p.gather(2, target[..., None]).squeeze(2)) * bad
        evened = kind * 4 / bad.sum(1, keepdim=True).clamp(min=1).sqrt()  # a defect of 16 patches counts as before
        patch_loss = ((found + evened) * weight).sum() / weight.sum().clamp(min=1)

        some = F.binary_cross_entropy_with_logits(logits[..., -1] - logits[..., 0], bad.float(), reduction="none")
        some_loss = (some * weight).sum() / weight.sum().clamp(min=1)
        odds = classes[..., 1:].logsumexp(-1) - logits[..., 0]
        seen = sure & ((state == 0) | bad.any(1))  # the defect may lie in patches that were left out
        worst_each = F.binary_cross_entropy_with_logits(
            odds.topk(3, 1).values.mean(1), (state > 0).float(), reduction="none"
        )
        worst_loss = (worst_each * seen).sum() / seen.sum().clamp(min=1)

        own = scale * torch.einsum("bp,bcp->bc", cls, group)
        sure_n = sure.sum().clamp(min=1)
        state_loss = (F.cross_entropy(own[:, :-1] + dropped, state, reduction="none") * sure).sum() / sure_n
        flawed = F.binary_cross_entropy_with_logits(own[:, -1] - own[:, 0], (state > 0).float(), reduction="none")
        state_loss = state_loss + 0.5 * (flawed * sure).sum() / sure_n
        named = captions[:-1, :-1].reshape(-1, cls.shape[-1])
        contrast = (
            F.cross_entropy(scale * cls @ named.T, who * (k + 1) + state, reduction="none") * sure
        ).sum() / sure_n
        near = torch.zeros(()) if references is None else self.nearest_loss(states, references, bad, weight)
        total = 2 * patch_loss + 0.5 * contrast + 0.5 * state_loss + 0.25 * (worst_loss + some_loss) + near
        return total, (patch_loss, contrast, state_loss, worst_loss, some_loss, near.detach())

    def run(self, step, keep_ratio):
        with torch.no_grad():
            for mine, theirs in zip(self.model.parameters(), self.master.parameters()):
                mine.copy_(theirs)
                mine.grad = None
        self.seed(step)
        with torch.no_grad():
            batch = self.batch(self.args.batch // self.args.workers, calm=keep_ratio == 1)
        losses = self.caption_loss if self.args.captions_only else self.losses
        total, parts = losses(*batch, keep_ratio)
        total.backward()
        return torch.stack([total.detach(), *(p.detach() for p in parts)])


def optimizers(model, args):
    """Muon for the matrices inside the blocks (it needs fewer steps), AdamW for embeddings, projections and vectors."""
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and ".layers." in n]
    chosen = {id(p) for p in matrices} if args.muon else set()
    rest = [p for p in model.parameters() if id(p) not in chosen]
    decayed = [p for p in rest if p.ndim >= 2]
    out = [
        torch.optim.AdamW(
            [{"params": decayed}, {"params": [p for p in rest if p.ndim < 2], "weight_decay": 0.0}],
            lr=args.lr,
            betas=(0.9, 0.98),
            weight_decay=0.05,
        )
    ]
    if args.muon:
        for part in range(args.workers):  # one share per thread: their matrix iterations are worth running side by side
            out.append(
                torch.optim.Muon(
                    matrices[part :: args.workers], lr=args.muon_lr, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"
                )
            )
    return out


def split(shards, held_out):
    held = range(len(shards) - held_out, len(shards))
    return range(len(shards) - held_out), held


def train(args):
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    torch.set_default_device(args.device)
    shards = Shards(args.shards)
    training, held = split(shards, args.held_out)
    if args.start:
        model, tokenizer = check_export(args.start)
        model.train()
    else:
        tokenizer = text.train_tokenizer(shards.object_names, shards.defect_names)
        model = Clip(full_config(tokenizer.get_vocab_size()))
    ema = copy.deepcopy(model).requires_grad_(False)
    opts = optimizers(model, args)
    base = [[g["lr"] for g in o.param_groups] for o in opts]
    step, seen, spent = 0, 0, 0.0
    checkpoint = Path(args.ckpt) / "last.pt"

    def save():
        """Everything a resumed run needs, replaced in one go so that a crash leaves the old file."""
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        temporary = checkpoint.with_name(checkpoint.name + ".part")
        torch.save(
            {
                "model": model.state_dict(),
                "ema": ema.state_dict(),
                "opts": [o.state_dict() for o in opts],
                "step": step,
                "seen": seen,
                "spent": spent,
            },
            temporary,
        )
        os.replace(temporary, checkpoint)

    if checkpoint.exists() and not args.fresh:
        state = torch.load(checkpoint, weights_only=False)
        model.load_state_dict(state["model"]), ema.load_state_dict(state["ema"])
        for o, s in zip(opts, state["opts"]):
            o.load_state_dict(s)
        step, seen, spent = state["step"], state["seen"], state["spent"]
        print(f"resumed at step {step}, {spent / 60:.1f} min", flush=True)
    workers = [Worker(i, args, shards, training, tokenizer, model) for i in range(args.workers)]
    print(
        f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters, {len(training)} training images, "
        f"{len(shards.object_names)} objects, {len(shards.defect_names)} defects, vocabulary "
        f"{tokenizer.get_vocab_size()}",
        flush=True,
    )
    names = ("loss", "told", "silent") if args.captions_only else PARTS
    pool = ThreadPoolExecutor(args.workers, initializer=torch.set_default_device, initargs=(args.device,))
    budget, start = args.minutes * 60, time.time() - spent
    logged, saved, exported, mean, since, seen_log = time.time(), time.time(), time.time(), 0, 0, seen
    while True:
        spent = time.time() - start
        progress = step / args.steps if args.steps else spent / budget
        if progress >= 1:
            break
        warm = min(1, (step + 1) / args.warmup)
        factor = warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))
        for o, lrs in zip(opts, base):
            for g, lr in zip(o.param_groups, lrs):
                g["lr"] = lr * factor
        keep = args.keep if progress < args.keep_until else 1.0
        parts = torch.stack(list(pool.map(lambda w: w.run(step, keep), workers))).mean(0)
        for p, *halves in zip(model.parameters(), *(w.model.parameters() for w in workers)):
            p.grad = torch.stack([h.grad.float() for h in halves]).mean(0)
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        if torch.isfinite(norm):
            list(pool.map(lambda o: o.step(), opts))
        step, seen = step + 1, seen + args.batch
        decay = min(args.ema, (1 + step) / (10 + step))
        with torch.no_grad():
            model.logit_scale.clamp_(max=LOG100)
            torch._foreach_lerp_(list(ema.parameters()), list(model.parameters()), 1 - decay)
        mean, since, now = mean + parts, since + 1, time.time()
        if now - logged > args.log_every:
            p = (mean / since).tolist()
            left = budget - spent if not args.steps else (args.steps - step) * spent / step
            print(
                f"step {step} seen {seen} "
                + " ".join(f"{name} {value:.3f}" for name, value in zip(names, p))
                + f" scale {model.logit_scale.exp().item():.1f} "
                f"norm {norm:.2f} lr x{factor:.3f} "
                f"{(seen - seen_log) / (now - logged):.1f} img/s, left {left / 60:.1f} min",
                flush=True,
            )
            logged, mean, since, seen_log = now, 0, 0, seen
        if now - saved > 120:
            save()
            saved = now
        # Figures are computed on the CPU; elsewhere the run goes on without a look.
        if now - exported > args.export_every * 60 and args.device == "cpu":
            export(ema, tokenizer, args.out)
            # A look at a few hundred held-out images: enough to see the curve, too few to choose anything by.
            m = evaluate.report_synthetic(ema.eval(), tokenizer, shards, list(held)[:400], generic=True)
            few = ("image/cls", "image/top4", "image/cls+top4", "pixel", "type/cls", "type/cls*top4")
            print("held-out (400, as 'object'): " + evaluate.one_line({k: m[k] for k in few}), flush=True)
            exported = time.time()
            start += exported - now  # evaluation does not count as training time
    save()
    export(ema, tokenizer, args.out)
    torch.set_default_device("cpu")
    print(f"done: {step} steps, {seen} images, {spent / 60:.1f} min; exported to {args.out}", flush=True)


def check_export(folder):
    """Re-read the written folder; every value must survive as float16 and the tokenizer must end on its highest id."""
    model = load(folder)
    tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
    size = tokenizer.get_vocab_size()
    assert model.config["text_config"]["vocab_size"] == size and tokenizer.token_to_id(text.END) == size - 1
    assert all(torch.isfinite(p).all() for p in model.parameters())
    return model, tokenizer


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a = p.add_argument
    a("--shards", help="folder with images.npy, masks.npy, labels.csv (or several such folders below it)")
    a("--out", default="weights/dapo-nano", help="Hugging Face folder to write (or to evaluate)")
    a("--ckpt", default="build/nano-ckpt", help="folder of the resume checkpoint")
    a("--start", help="begin a further cycle from these exported weights (use a new --ckpt folder)")
    a("--fresh", action="store_true", help="ignore an existing checkpoint")
    a("--minutes", type=float, default=65), a(
        "--steps", type=int, default=0, help="fixed number of steps instead of minutes"
    )
    a("--device", default="cpu", help="cpu or cuda")
    a("--precision", choices=("bfloat16", "float32"), default="bfloat16", help="of the copies that compute: bfloat16 "
      "is slow on a CPU without AVX512-BF16 or AMX")
    a("--seed", type=int, default=1), a("--batch", type=int, default=48), a("--workers", type=int, default=2)
    a("--objects", type=int, default=4, help="objects per worker and step")
    a("--lr", type=float, default=1e-3), a("--muon-lr", type=float, default=4e-3), a("--warmup", type=int, default=100)
    a("--no-muon", dest="muon", action="store_false")
    a("--ema", type=float, default=0.999), a("--defect-weight", type=float, default=4), a(
        "--cover", type=float, default=0.1
    )
    a("--keep", type=float, default=0.5, help="share of patches kept in the first part of training")
    a("--keep-until", type=float, default=0.7, help="progress at which all patches come back and augmentation calms")
    a("--paired", type=float, default=0.5, help="share of images that are compared with a reference, if the shards have them")
    a("--layers", type=int, nargs="+", default=[2, 4, 6], help="blocks after which they are compared")
    a("--captions-only", type=float, default=0, metavar="SHARE", help="no labels, no losses of patches: images against "
      "captions alone, of which this share says in what state the object is")
    a("--held-out", type=int, default=2000), a("--log-every", type=float, default=20), a(
        "--export-every", type=float, default=10
    )
    a("--eval", action="store_true", help="held-out generated images"), a(
        "--eval-folder", help="a data set in MVTec-AD layout"
    )
    a("--object", default="object"), a("--defects", help="comma-separated; default: the folder's own"), a(
        "--limit", type=int, default=60
    )
    a("--size", type=int, help="evaluate at this image size")
    args = p.parse_args()
    args.dtype = getattr(torch, args.precision)
    if args.eval:
        model, tokenizer = check_export(args.out)
        torch.set_num_threads(2)
        shards = Shards(args.shards)
        held = list(split(shards, args.held_out)[1])
        for generic in (False, True):
            m = evaluate.report_synthetic(model, tokenizer, shards, held, generic, args.size, confusion=not generic)
            print(("object word 'object': " if generic else "own object words: ") + evaluate.one_line(m), flush=True)
    if args.eval_folder:
        model, tokenizer = check_export(args.out)
        kinds = sorted(q.name for q in (Path(args.eval_folder) / "test").iterdir() if q.is_dir() and q.name != "good")
        defects = args.defects.split(",") if args.defects else kinds
        m = evaluate.report_folder(model, tokenizer, args.eval_folder, args.object, defects, args.limit, args.size)
        print(
            f"{args.eval_folder} as '{args.object}' with {', '.join(defects)}:\n  " + evaluate.one_line(m), flush=True
        )
    if not (args.eval or args.eval_folder):
        train(args)
        check_export(args.out)


if __name__ == "__main__":
    main()
