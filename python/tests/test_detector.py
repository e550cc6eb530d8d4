"""The module from a wheel: python -m pytest python/tests, after `make python`."""

import os
import pathlib
import signal
import threading
import time

import numpy as np
import pytest

import dapo_wgpu
from dapo_wgpu import Detector

SAMPLES = pathlib.Path(__file__).parents[2] / "docs/samples"
BROKEN, GOOD = SAMPLES / "bottle_broken.png", SAMPLES / "leather_good.png"


@pytest.fixture(scope="module")
def detector():
    return Detector("bottle", ["broken", "contamination"])


def test_one_image_gives_a_result(detector):
    result = detector(BROKEN)
    assert result.score > 0.5 and result.defective and result.type == "broken"
    assert abs(sum(result.probabilities.values()) - 1) < 1e-5
    assert list(result.probabilities) == ["broken", "contamination", "normal"]
    assert result.map.dtype == np.float32 and result.map.shape == (128, 128)
    assert 0 <= result.map.min() <= result.map.max() <= 1
    assert result.boxes[0].width > 0 and result.path == str(BROKEN) and result.size == (256, 256)


def test_paths_pictures_and_arrays_are_the_same_image(detector):
    image = pytest.importorskip("PIL.Image").open(BROKEN)
    pixels = np.asarray(image.convert("RGB"))
    results = detector([BROKEN, str(BROKEN), image, pixels])
    assert len({result.score for result in results}) == 1
    assert results[3].path is None
    batch = detector(np.stack([pixels, pixels[:, ::-1]]))
    assert len(batch) == 2 and batch[0].score == results[0].score
    gray = detector(pixels[:, :, 0])
    assert gray.size == (256, 256)


def test_errors_are_exceptions_with_what_to_do(detector, tmp_path):
    broken = tmp_path / "a.png"
    broken.write_bytes(b"no picture")
    with pytest.raises(dapo_wgpu.ImageError, match="a.png"):
        detector([GOOD, broken])
    good, error = detector([GOOD, broken], errors="return")
    assert good.score < 0.5 and isinstance(error, dapo_wgpu.ImageError)
    with pytest.raises(ValueError, match="uint8"):
        detector(np.zeros((8, 8, 3), np.float32))
    with pytest.raises(ValueError, match="channels"):
        detector(np.zeros((8, 8, 7), np.uint8))
    with pytest.raises(ValueError, match="not int"):
        detector(3)
    with pytest.raises(ValueError):
        Detector("bottle", ["normal"])
    with pytest.raises(dapo_wgpu.EngineError, match="no-such-gpu"):
        Detector(adapter="no-such-gpu")


def test_good_photos_are_compared_with():
    detector = Detector("leather", ["cut"], good=[GOOD], threshold=0.5)
    assert detector(GOOD).score < 0.5


def test_features_devices_and_check():
    images, texts = dapo_wgpu.embed([BROKEN, GOOD], ["a photo of a bottle"])
    assert images.shape == (2, texts.shape[1]) and images.dtype == np.float32
    assert dapo_wgpu.embed(texts=["x"])[0] is None
    adapters = dapo_wgpu.devices()
    assert isinstance(adapters[0]["adapter"]["software"], bool)
    report = dapo_wgpu.check(["tokens f32 batch=1 tokens=1 width=1"])
    assert report["passed"] is True and report["schema"] == "dapo-wgpu/check/1"


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ctrl_c_ends_a_long_call(detector):
    timer = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        detector([BROKEN] * 20_000)
    assert time.monotonic() - begun < 10
    timer.join()
    assert detector(GOOD).score < 0.5, "the detector goes on"
