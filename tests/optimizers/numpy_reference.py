"""Update rules written straight from their equations, in NumPy, one entry of the path a step.

Each takes the gradient function, a starting point and the settings, and returns the path: shape (steps + 1,
entries).
"""

from collections.abc import Callable

import numpy as np

Gradient = Callable[[np.ndarray], np.ndarray]


def sgd(
    gradient: Gradient, start, steps, *, lr, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False
):
    theta, velocity, path = start, None, [start]
    dampening = dampening if momentum else 0.0  # as torch has it: without momentum there is nothing to dampen
    for _ in range(steps):
        d = gradient(theta) + weight_decay * theta
        velocity = d if velocity is None else momentum * velocity + (1 - dampening) * d
        theta = theta - lr * (d + momentum * velocity if nesterov else velocity)
        path.append(theta)
    return np.array(path)


def rmsprop(gradient: Gradient, start, steps, *, lr, alpha, eps, momentum, centered, weight_decay):
    theta, path = start, [start]
    square, mean, buffer = np.zeros_like(start), np.zeros_like(start), np.zeros_like(start)
    for _ in range(steps):
        g = gradient(theta) + weight_decay * theta
        square = alpha * square + (1 - alpha) * g**2
        mean = alpha * mean + (1 - alpha) * g
        variance = square - mean**2 if centered else square
        buffer = momentum * buffer + g / (np.sqrt(variance) + eps)
        theta = theta - lr * buffer
        path.append(theta)
    return np.array(path)


def adam(gradient: Gradient, start, steps, *, lr, betas, eps, weight_decay, amsgrad, decoupled=False):
    theta, path = start, [start]
    m, v, largest = np.zeros_like(start), np.zeros_like(start), np.zeros_like(start)
    for t in range(1, steps + 1):
        g = gradient(theta)
        if decoupled:
            theta = theta - lr * weight_decay * theta
        else:
            g = g + weight_decay * theta
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        largest = np.maximum(largest, v)
        second = (largest if amsgrad else v) / (1 - betas[1] ** t)
        theta = theta - lr * (m / (1 - betas[0] ** t)) / (np.sqrt(second) + eps)
        path.append(theta)
    return np.array(path)


def orthogonalized(matrix, steps):
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrix / max(np.linalg.norm(matrix), 1e-7)
    for _ in range(steps):
        x = a * x + b * (x @ x.T) @ x + c * (x @ x.T) @ (x @ x.T) @ x
    return x


def muon(
    gradient: Gradient, start, steps, *, shape, lr, momentum, nesterov, ns_steps, adjust_lr, weight_decay
):
    theta, path = start, [start]
    average = np.zeros(shape)
    rows, columns = shape
    factor = np.sqrt(max(1, rows / columns)) if adjust_lr == "original" else 0.2 * np.sqrt(max(rows, columns))
    for _ in range(steps):
        g = gradient(theta).reshape(shape)
        average = momentum * average + (1 - momentum) * g
        update = (1 - momentum) * g + momentum * average if nesterov else average
        theta = theta * (1 - lr * weight_decay) - lr * factor * orthogonalized(update, ns_steps).ravel()
        path.append(theta)
    return np.array(path)


def lbfgs(gradient: Gradient, start, steps, *, lr, history_size):
    """Fixed steps, no line search; one iteration a step."""
    theta, path = start, [start]
    pairs: list[tuple[np.ndarray, np.ndarray]] = []
    g, old_theta, old_g = gradient(theta), None, None
    for _ in range(steps):
        if old_theta is not None:
            s, y = theta - old_theta, g - old_g
            if y @ s > 1e-10:
                pairs = [*pairs, (s, y)][-history_size:]
        r = two_loops(g, pairs)
        length = lr * min(1.0, 1.0 / np.abs(g).sum()) if old_theta is None else lr
        old_theta, old_g = theta, g
        theta = theta - length * r
        g = gradient(theta)
        path.append(theta)
    return np.array(path)


def two_loops(g, pairs):
    """H g for the inverse Hessian H that `pairs` of steps and gradient changes imply, oldest first."""
    q, weights = g.copy(), []
    for s, y in reversed(pairs):
        a = (s @ q) / (y @ s)
        q = q - a * y
        weights.append(a)
    if pairs:
        s, y = pairs[-1]
        q = q * (s @ y) / (y @ y)
    for (s, y), a in zip(pairs, reversed(weights), strict=True):
        q = q + (a - (y @ q) / (y @ s)) * s
    return q
