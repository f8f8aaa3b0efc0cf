"""Versioned data of the linkage: letter folding, identifier kinds, role rules, weights.

``kanji_variants.csv`` is this project's own hand-made list (異体字, 旧字体, 俗字 of names and places). A row of
strength ``same`` is one letter in two shapes; ``loose`` letters are distinct names and meet in search only.
"""

from importlib.resources import files


def model_text(name: str) -> str:
    """Return one of the packaged data files."""
    return files(__name__).joinpath(name).read_text(encoding="utf-8")
