"""ncnn with its other operator for products with a constant matrix, InnerProduct in place of Gemm."""

import os

os.environ["DAPO_PEER_NCNN_INNER"] = "1"

import peer_ncnn  # noqa: E402, F401 (it serves when it is imported)
