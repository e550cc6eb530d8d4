"""Defect detection, segmentation and naming with CLIP and DAPO, on any Vulkan, Metal or DX12 device.

>>> from dapo_wgpu import Detector
>>> detector = Detector("bottle", ["broken", "contamination"])
>>> result = detector("photo.png")
>>> result.score, result.type, result.boxes, result.map.shape
"""

from ._native import (
    Box,
    Detection,
    Detector,
    EngineError,
    ImageError,
    __version__,
    check,
    devices,
    embed,
)

__all__ = [
    "Box",
    "Detection",
    "Detector",
    "EngineError",
    "ImageError",
    "__version__",
    "check",
    "devices",
    "embed",
]
