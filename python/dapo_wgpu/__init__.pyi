import os
from collections.abc import Sequence
from typing import Any, Literal, Protocol, overload

import numpy as np
import numpy.typing as npt

__version__: str

class _PilImage(Protocol):
    @property
    def mode(self) -> str: ...
    def convert(self, mode: str) -> Any: ...

# A path, a PIL image, or pixels [H, W], [H, W, 1], [H, W, 3] (RGB) or [H, W, 4] (RGBA).
Image = str | os.PathLike[str] | _PilImage | npt.NDArray[np.uint8]

class EngineError(RuntimeError):
    """The device, the model or the prompts failed; the message says what to do."""

class ImageError(ValueError):
    """An image cannot be read."""

class Box:
    """A box around one defective region, in pixels of the image, origin at the top left."""

    @property
    def x(self) -> int: ...
    @property
    def y(self) -> int: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def score(self) -> float: ...
    @property
    def area(self) -> int: ...
    @property
    def type(self) -> str: ...

class Detection:
    """The result of one image."""

    @property
    def path(self) -> str | None: ...
    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
    @property
    def score(self) -> float:
        """How anomalous the whole image is, 0 to 1."""
    @property
    def defective(self) -> bool:
        """Whether the score reaches the detector's threshold."""
    @property
    def type(self) -> str:
        """The most likely defect, also where the score is low."""
    @property
    def probabilities(self) -> dict[str, float]:
        """Of "normal" and of each defect; they sum to 1."""
    @property
    def boxes(self) -> list[Box]: ...
    @property
    def notes(self) -> list[str]: ...
    @property
    def map(self) -> npt.NDArray[np.float32]:
        """Probability of a defect at each pixel of the model's input, [S, S]; it covers the whole image."""

class Detector:
    """Finds, localises and names defects: opened once, called with images.

    object: what is in the images, as in "a photo of a NAME"; "object" by default.
    defects: names of defects to look for; a general list by default.
    good: images of good parts to compare with.
    model: folder of a CLIP in Hugging Face or open_clip layout; the small embedded one by default.
    image_size: edge of the model's input in pixels, a multiple of its patch; the model's own by default.
    batch: images that go through the model together.
    threshold: score from which an image is called defective.
    box_threshold: probability from which a pixel belongs to a box.
    min_area: least area of a region with a box, in pixels; what 16 pixels of the map show by default.
    turned: compares with turned and mirrored good images, too.
    precision: "f32", or "f16" for the factors of products.
    adapter: an index of `devices()`, or a part of a name.
    """

    def __init__(
        self,
        object: str | None = None,
        defects: Sequence[str] | None = None,
        *,
        good: Image | Sequence[Image] | None = None,
        model: str | os.PathLike[str] | None = None,
        image_size: int | None = None,
        batch: int = 8,
        threshold: float = 0.5,
        box_threshold: float = 0.5,
        min_area: int | None = None,
        turned: bool = False,
        precision: Literal["f32", "f16"] = "f32",
        adapter: str = "auto",
    ) -> None: ...
    @overload
    def __call__(self, images: Image, *, errors: Literal["raise", "return"] = "raise") -> Detection: ...
    @overload
    def __call__(
        self, images: Sequence[Image], *, errors: Literal["raise"] = "raise"
    ) -> list[Detection]: ...
    @overload
    def __call__(
        self, images: Sequence[Image], *, errors: Literal["return"]
    ) -> list[Detection | ImageError]: ...
    @property
    def object(self) -> str: ...
    @property
    def defects(self) -> list[str]: ...
    @property
    def adapter(self) -> str:
        """The device, its driver, and whether it is software."""
    @property
    def notes(self) -> list[str]: ...

def embed(
    images: Image | Sequence[Image] | None = None,
    texts: Sequence[str] | None = None,
    *,
    model: str | os.PathLike[str] | None = None,
    image_size: int | None = None,
    precision: Literal["f32", "f16"] = "f32",
    adapter: str = "auto",
) -> tuple[npt.NDArray[np.float32] | None, npt.NDArray[np.float32] | None]:
    """CLIP's features, not scaled to unit length: of images [N, D] and of texts [M, D]."""

def devices() -> list[dict[str, Any]]:
    """The adapters of this machine, best first, each with `adapter` and `capabilities`."""

def check(
    cases: Sequence[str] | None = None,
    *,
    full: bool = False,
    seed: int = 1,
    adapter: str = "auto",
    checked: bool = False,
) -> dict[str, Any]:
    """Checks kernels on a device against float64; `passed`, and all that `dapo-wgpu check --json` prints."""
