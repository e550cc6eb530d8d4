"""Words: synonyms, caption templates and the small byte-level BPE tokenizer trained on them."""

import itertools

from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

START, END = "<|startoftext|>", "<|endoftext|>"

# Objects of the generator -> other words for the same thing. Unknown objects stand for themselves.
OBJECTS = {
    "metal plate": ["metal plate", "metal sheet", "metal surface", "brushed metal", "steel plate", "aluminium plate"],
    "magnetic tile": ["magnetic tile", "tile", "metal tile", "magnet tile", "ferrite tile"],
    "steel strip": ["steel strip", "steel", "rolled steel", "steel surface", "hot rolled strip"],
    "stone tile": ["stone tile", "tile", "ceramic tile", "granite tile", "marble tile"],
    "concrete": ["concrete", "concrete wall", "cement", "pavement", "concrete surface"],
    "paper": ["paper", "sheet of paper", "cardboard", "card"],
    "plastic sheet": ["plastic sheet", "plastic", "plastic part", "plastic surface", "foil"],
    "woven fabric": ["woven fabric", "fabric", "cloth", "textile", "canvas"],
    "wire grid": ["wire grid", "grid", "mesh", "wire mesh", "metal grid"],
    "carpet": ["carpet", "rug", "carpet pile"],
    "leather": ["leather", "hide", "leather surface"],
    "wood": ["wood", "wooden board", "wood surface", "timber", "plank"],
    "bottle": ["bottle", "bottle mouth", "glass bottle", "bottle neck"],
    "metal nut": ["metal nut", "nut", "hex nut", "steel nut"],
    "washer": ["washer", "metal washer", "metal ring", "ring", "bearing"],
    "gear": ["gear", "gear wheel", "cog", "cog wheel"],
    "screw": ["screw", "bolt", "metal screw", "fastener"],
    "pill": ["pill", "tablet", "round pill"],
    "capsule": ["capsule", "gel capsule", "medicine capsule"],
    "hazelnut": ["hazelnut", "nut shell", "nut", "seed"],
    "circuit board": ["circuit board", "pcb", "printed circuit board", "electronic board"],
}

# What the product says when it does not know the object, and things the generator never draws: the model must do its
# work for these words as well, so that any object name is safe.
GENERIC = [
    "object",
    "object",
    "object",
    "object",
    "surface",
    "part",
    "product",
    "item",
    "component",
    "material",
    "sample",
]
UNKNOWN = (
    """cable zipper transistor toothbrush tube candle cashew chewing_gum macaroni bracket connector pipe_fryum fryum
bearing casting weld panel phone_screen glass window lens cup can toy button switch plug chip wafer solar_cell battery
bracelet coin cap lid bag box label packet tyre rubber_seal gasket spring valve pipe hose brush blade knife rail road
wall brick roof car_door engine_block shaft piston brake_disc film foam sponge yarn rope bread biscuit apple potato egg
medicine_vial syringe toothpick clip pin hinge handle frame mirror wheel roller belt housing cover""".split()
)
UNKNOWN = [w.replace("_", " ") for w in UNKNOWN]

# Defects of the generator -> (nouns, adjectives).
DEFECTS = {
    "scratch": (["scratch", "scratch", "scratch mark", "scrape", "score mark", "abrasion"], ["scratched", "scraped"]),
    "crack": (["crack", "crack", "fracture", "fissure", "split"], ["cracked", "fractured", "split"]),
    "hole": (["hole", "hole", "blowhole", "pit", "pore", "pinhole", "porosity"], ["pitted", "porous"]),
    "contamination": (
        ["contamination", "contamination", "particles", "foreign particles", "dirt", "dust", "debris"],
        ["contaminated", "dirty", "dusty"],
    ),
    "stain": (
        ["stain", "stain", "dark stain", "spot", "discoloration", "water mark", "smudge", "oil", "liquid"],
        ["stained", "smudged"],
    ),
    "color": (["color", "color", "wrong color", "color defect", "paint", "color stain"], ["discolored", "painted"]),
    "cut": (["cut", "cut", "slit", "slash", "incision", "tear"], ["cut", "slit", "torn"]),
    "broken": (
        ["broken", "break", "breakage", "chip", "broken edge", "chipped edge", "broken corner"],
        ["broken", "broken", "chipped", "fractured"],
    ),
    "bent": (
        ["bent", "bend", "deformation", "distortion", "warp"],
        ["bent", "bent", "deformed", "warped", "distorted"],
    ),
    "thread": (["thread", "thread", "fiber", "hair", "loose thread", "string", "fibre"], ["hairy", "threaded"]),
    "glue": (["glue", "glue", "glue drop", "adhesive", "droplet", "resin"], ["glued", "sticky"]),
    "rough": (["rough", "roughness", "rough area", "rough patch", "corrosion", "rust"], ["rough", "rough", "corroded"]),
    "missing": (
        ["missing", "missing part", "missing piece", "missing area", "absence", "gap"],
        ["incomplete", "missing"],
    ),
    "poke": (["poke", "poke", "puncture", "prick", "stab"], ["poked", "punctured", "pierced"]),
    "uneven": (
        ["uneven", "unevenness", "uneven area", "uneven texture", "uneven brightness", "irregular area"],
        ["uneven", "uneven", "irregular", "blotchy"],
    ),
    "fray": (["fray", "fray", "frayed edge", "fraying", "worn edge", "wear"], ["frayed", "frayed", "worn"]),
    "dent": (["dent", "dent", "dimple", "hollow", "depression"], ["dented", "dimpled"]),
    "print": (
        ["print", "print", "imprint", "ink", "ink mark", "misprint", "printing"],
        ["printed", "misprinted", "inked"],
    ),
}

# Any defect at all, for users who name none.
ANOMALY = (
    ["defect", "flaw", "damage", "anomaly", "fault", "imperfection"],
    ["defective", "damaged", "faulty", "anomalous", "abnormal", "imperfect"],
)

NORMAL = [
    "flawless {o}",
    "flawless {o}",
    "perfect {o}",
    "unblemished {o}",
    "normal {o}",
    "good {o}",
    "{o} without defect",
    "{o} without flaw",
    "{o} without damage",
    "undamaged {o}",
    "intact {o}",
]
NOUN = [
    "{o} with a {d}",
    "{o} with a {d} defect",
    "{o} with {d}",
    "{d} anomaly {o}",
    "{o} with {d} damage",
    "damaged {o} with {d}",
    "defective {o} with a {d} defect",
    "{o} that has a {d}",
]
ADJECTIVE = ["{d} {o}", "{d} {o}", "{o} that is {d}"]
PHOTO = [
    "a photo of a {x}",
    "a photo of a {x}",
    "a photo of a {x}.",
    "a photo of the {x}",
    "a close-up photo of a {x}",
    "a cropped photo of a {x}",
    "a picture of a {x}",
    "an image of a {x}",
    "a blurry photo of a {x}",
    "a bright photo of a {x}",
    "a dark photo of a {x}",
    "a photo of a {x} for visual inspection",
    "a {x}",
    "{x}",
]

# The product's prompt ensemble (every photo template with every state phrase).
ENSEMBLE_PHOTO = ["a photo of a {x}", "a photo of the {x}", "a close-up photo of a {x}", "a cropped photo of a {x}"]
ENSEMBLE_NORMAL = ["flawless {o}", "perfect {o}", "{o} without defect", "{o} without damage", "unblemished {o}"]
ENSEMBLE_DEFECT = ["{o} with a {d}", "{o} with a {d} defect", "{o} with {d}", "{d} anomaly {o}"]


def caption(photo, state, obj, defect=""):
    """Fill the three templates and mend "a" before a vowel."""
    words = photo.format(x=state.format(o=obj, d=defect)).split(" ")
    for i, word in enumerate(words[:-1]):
        if word == "a" and words[i + 1][0] in "aeiou":
            words[i] = "an"
    return " ".join(words)


def sample_object(name, rng):
    """One word for the object: mostly its own name."""
    return name if rng.random() < 0.5 else rng.choice(OBJECTS.get(name, [name]))


def sample_generic(rng):
    return rng.choice(GENERIC) if rng.random() < 0.7 else rng.choice(UNKNOWN)


def sample_states(obj, defects, rng):
    """One caption per class: normal, each defect, and last "some anomaly"."""
    photo = rng.choice(PHOTO)  # shared: classes of one softmax differ in the state, not in the template
    out = [caption(photo, rng.choice(NORMAL), obj)]
    for nouns, adjectives in [*(DEFECTS.get(d, ([d], [d])) for d in defects), ANOMALY]:
        if rng.random() < 0.25:
            out.append(caption(photo, rng.choice(ADJECTIVE), obj, rng.choice(adjectives)))
        else:
            word = nouns[0] if rng.random() < 0.4 else rng.choice(nouns)
            out.append(caption(photo, rng.choice(NOUN), obj, word))
    return out


def sample_plain(obj, rng):
    """A caption that says nothing of the object's state."""
    return caption(rng.choice(PHOTO), "{o}", obj)


def ensemble(obj, defects):
    """The product's prompts: a list of captions for normal and for each defect word."""
    classes = [[caption(p, s, obj) for p in ENSEMBLE_PHOTO for s in ENSEMBLE_NORMAL]]
    return classes + [[caption(p, s, obj, d) for p in ENSEMBLE_PHOTO for s in ENSEMBLE_DEFECT] for d in defects]


def corpus(objects, defects):
    """All words that the tokenizer should know well, in realistic proportions."""
    names = sorted({w for o in objects for w in OBJECTS.get(o, [o])} | set(GENERIC) | set(UNKNOWN))
    states = [(NORMAL, [""])] + [(NOUN, a) for a, _ in (*map(lambda d: DEFECTS.get(d, ([d], [d])), defects), ANOMALY)]
    states += [(ADJECTIVE, b) for _, b in (*map(lambda d: DEFECTS.get(d, ([d], [d])), defects), ANOMALY)]
    for obj, (templates, words) in itertools.product(names, states):
        for i, (template, word) in enumerate(itertools.product(templates, words)):
            yield caption(PHOTO[i % len(PHOTO)], template, obj, word)


def train_tokenizer(objects, defects, vocab_size=1536):
    """CLIP's tokenizer (lower case, byte-level BPE, `</w>` suffix) with a vocabulary of at most `vocab_size` entries.

    The ids follow CLIP's order: 256 bytes, 256 bytes at a word's end, merges, start, end. All bytes are present in both
    forms, so every string can be encoded; the end token has the highest id because CLIP pools at the largest id.
    """

    def fresh(model):
        t = Tokenizer(model)
        t.normalizer = normalizers.Sequence(
            [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
        )
        words = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
        t.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(words), behavior="removed", invert=True),
                pre_tokenizers.ByteLevel(add_prefix_space=False),
            ]
        )
        return t

    import json

    draft = fresh(models.BPE(end_of_word_suffix="</w>"))
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    draft.train_from_iterator(
        corpus(objects, defects),
        trainers.BpeTrainer(
            vocab_size=vocab_size - 2, initial_alphabet=alphabet, end_of_word_suffix="</w>", show_progress=False
        ),
    )
    merges = [
        tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in json.loads(draft.to_str())["model"]["merges"]
    ]
    base = alphabet + [a + "</w>" for a in alphabet]
    merges = merges[: vocab_size - 2 - len(base)]
    vocab = {token: i for i, token in enumerate(dict.fromkeys(base + ["".join(m) for m in merges] + [START, END]))}
    tokenizer = fresh(
        models.BPE(vocab=vocab, merges=merges, unk_token=END, continuing_subword_prefix="", end_of_word_suffix="</w>")
    )
    tokenizer.add_special_tokens(
        [AddedToken(START, normalized=True, special=True), AddedToken(END, normalized=False, special=True)]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}", special_tokens=[(START, vocab[START]), (END, vocab[END])]
    )
    return tokenizer


def encode(tokenizer, captions, limit=32):
    """Token ids as rows of one length (pad 0; causal attention never looks at it), at most `limit` long."""
    rows = [e.ids if len(e.ids) <= limit else e.ids[: limit - 1] + e.ids[-1:] for e in tokenizer.encode_batch(captions)]
    longest = max(map(len, rows))
    return [r + [0] * (longest - len(r)) for r in rows]
