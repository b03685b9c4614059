"""Clippers the slow, obvious way, in NumPy: what the fast ones are compared with."""

from __future__ import annotations

import numpy as np


def total_norm(gradients):
    return float(np.sqrt(sum(np.sum(np.square(g, dtype=np.float64)) for g in gradients)))


class SlowAutoClip:
    """The percentile of a list that grows by one norm a step, as the paper's reference describes it."""

    def __init__(self, percentile, window=None):
        self.percentile = percentile
        self.window = window
        self.history = []

    def factor(self, gradients):
        norm = total_norm(gradients)
        self.history.append(norm)
        held = self.history if self.window is None else self.history[-self.window :]
        threshold = np.percentile(held, self.percentile)
        return min(1.0, threshold / norm) if norm else 1.0

    def clip(self, parameters, gradients):
        factor = self.factor(gradients)
        return [g * factor for g in gradients]


class SlowClipByNorm:
    def __init__(self, max_norm):
        self.max_norm = max_norm

    def clip(self, parameters, gradients):
        norm = total_norm(gradients)
        return [g * min(1.0, self.max_norm / norm) for g in gradients]


class SlowClipByValue:
    def __init__(self, max_value):
        self.max_value = max_value

    def clip(self, parameters, gradients):
        return [np.clip(g, -self.max_value, self.max_value) for g in gradients]


class SlowAdaptiveGradientClip:
    """Equation 3 of Brock et al. 2021, unit by unit."""

    def __init__(self, clipping, eps):
        self.clipping = clipping
        self.eps = eps

    def clip(self, parameters, gradients):
        clipped = []
        for w, g in zip(parameters, gradients, strict=True):
            if g.ndim < 2:
                clipped.append(self._unit(w, g))
            else:
                clipped.append(np.stack([self._unit(w[i], g[i]) for i in range(len(g))]))
        return clipped

    def _unit(self, w, g):
        limit = self.clipping * max(total_norm([w]), self.eps)
        norm = total_norm([g])
        return g * (limit / norm) if norm > limit else g


class SlowZClip:
    """Kumar et al. 2025, with the warm-up's guard."""

    def __init__(self, z_threshold, decay, warmup):
        self.z_threshold, self.decay, self.warmup = z_threshold, decay, warmup
        self.first = []
        self.mean = self.variance = None

    def threshold(self, norm):
        if self.mean is None:
            limit = 10 * np.median(self.first) if self.first else np.inf
            self.first.append(min(norm, limit))
            if len(self.first) == self.warmup:
                self.mean, self.variance = np.mean(self.first), np.var(self.first)
            return limit
        deviation = np.sqrt(self.variance)
        z = (norm - self.mean) / deviation
        limit = np.inf
        if z > self.z_threshold:
            limit = self.mean + self.z_threshold**2 / z * deviation
        kept = min(norm, limit)
        self.mean = self.decay * self.mean + (1 - self.decay) * kept
        self.variance = self.decay * self.variance + (1 - self.decay) * (kept - self.mean) ** 2
        return limit

    def clip(self, parameters, gradients):
        norm = total_norm(gradients)
        factor = min(1.0, self.threshold(norm) / norm)
        return [g * factor for g in gradients]


class SlowAdaGC:
    """Algorithm 1 of Wang et al. 2025, tensor by tensor."""

    def __init__(self, relative, decay, warmup, max_norm):
        self.relative, self.decay, self.warmup, self.max_norm = relative, decay, warmup, max_norm
        self.step = 0
        self.means = None

    def clip(self, parameters, gradients):
        self.step += 1
        if self.step <= self.warmup:
            share = min(1.0, self.max_norm / total_norm(gradients))
            clipped = [g * share for g in gradients]
            norms = [total_norm([g]) for g in clipped]
            self.means = norms if self.means is None else np.minimum(self.means, norms)
        else:
            limits = [self.relative * mean for mean in self.means]
            clipped = [
                g * min(1.0, limit / total_norm([g])) for g, limit in zip(gradients, limits, strict=True)
            ]
            norms = np.array([total_norm([g]) for g in clipped])
            self.means = self.decay * np.array(self.means) + (1 - self.decay) * norms
        return clipped


class SlowStreamingClip:
    """Andrew et al. 2021, section 2.1, without the noise."""

    def __init__(self, percentile):
        self.quantile = percentile / 100
        self.logarithm, self.count = None, 0

    def clip(self, parameters, gradients):
        norm = total_norm(gradients)
        self.count += 1
        if self.logarithm is None:
            self.logarithm = np.log(norm)
        else:
            rate = max(0.02, 0.5 / self.count**0.5)
            self.logarithm -= rate * ((np.log(norm) <= self.logarithm) - self.quantile)
        return [g * min(1.0, np.exp(self.logarithm) / norm) for g in gradients]


def slow_stable_adamw(weights, gradients, *, lr, betas, eps, decay, max_rms):
    """Algorithm 2 of Wortsman et al. 2023, with its debiased betas; the weights, and the share of updates clipped."""
    weights = [w.copy() for w in weights]
    means, moments = [0.0] * len(weights), [0.0] * len(weights)
    clipped = []
    for t, step in enumerate(gradients, 1):
        first, second = ((beta - beta**t) / (1 - beta**t) for beta in betas)
        for i, g in enumerate(g.double().numpy() for g in step):
            means[i] = first * means[i] + (1 - first) * g
            moments[i] = second * moments[i] + (1 - second) * g**2
            rms = np.sqrt(np.mean(g**2 / np.maximum(moments[i], eps**2)))
            rate = lr / max(1.0, rms / max_rms)
            clipped.append(rms / max_rms > 1 + 1e-9)
            weights[i] = (1 - rate * decay) * weights[i] - rate * means[i] / (np.sqrt(moments[i]) + eps)
    return weights, np.mean(clipped)
