"""The array types of the city and the few operations every writer needs."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Ints: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]
Texts: TypeAlias = NDArray[np.object_]
Numbers: TypeAlias = NDArray[np.float64]


def texts(size: int, value: str = "") -> Texts:
    """Return an array of one text."""
    made = np.empty(size, dtype=object)
    made[:] = value
    return made


def as_texts(values: Any) -> Texts:
    """Any sequence of strings as an object array."""
    made = np.empty(len(values), dtype=object)
    made[:] = list(values)
    return made


def padded(numbers: Ints, width: int) -> Texts:
    """Numbers with leading zeros."""
    return as_texts([f"{number:0{width}d}" for number in numbers.tolist()])


def plain(numbers: Ints) -> Texts:
    """Numbers as text."""
    return as_texts([str(number) for number in numbers.tolist()])


def coded(indices: Ints, labels: tuple[str, ...]) -> Texts:
    """Labels picked by index."""
    return as_texts(labels)[indices]


def chosen(rng: np.random.Generator, size: int, labels: tuple[str, ...], shares: tuple[float, ...] = ()) -> Texts:
    """Labels drawn with the given shares (equal where none are given)."""
    weights = np.array(shares or [1.0] * len(labels))
    return coded(rng.choice(len(labels), size, p=weights / weights.sum()), labels)


def generator(seed: int, part: str) -> np.random.Generator:
    """Return the random numbers of one part of the city; parts never share or disturb each other's."""
    return np.random.default_rng([seed, *part.encode()])
