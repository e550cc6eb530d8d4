#!/usr/bin/env python3
"""Fits the polynomial of shaders/common/activation.wgsl: erfcx(z) = t·P(t), t = 1 / (1 + 0.45 z), z in [0, 10].

Relative minimax by iteratively reweighted least squares (Lawson 1961) on Chebyshev nodes. Needs numpy and scipy.
"""

import numpy as np
from scipy.special import erfcx

SLOPE, DEGREE, NODES = 0.45, 9, 2000

lowest = 1 / (1 + SLOPE * 10)
nodes = np.cos(np.pi * (np.arange(NODES) + 0.5) / NODES)
t = (1 + lowest) / 2 + (1 - lowest) / 2 * nodes
wanted = erfcx((1 / t - 1) / SLOPE) / t
powers = np.polynomial.polynomial.polyvander(t, DEGREE)
weights = np.ones(NODES)
for _ in range(60):
    scaled = weights / wanted
    coefficients, *_ = np.linalg.lstsq(powers * scaled[:, None], wanted * scaled, rcond=None)
    error = np.abs(powers @ coefficients / wanted - 1)
    weights = np.sqrt(weights**2 * (error / error.max() + 1e-3))
    weights /= weights.max()
print("coefficients from t^0:", ", ".join(f"{c:.9f}" for c in coefficients))
print(f"largest relative error {error.max():.2e}")
