"""What classical models are given: preprocessed inputs, or what a network makes of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from netwright._errors import BadData, must_be
from netwright.data.dataset import InMemory, InputKind
from netwright.data.preprocess import catalogue as preprocessing
from netwright.data.preprocess.base import picture_scale
from netwright.data.streams.held_out import held_out
from netwright.evaluate.baselines.examples import Examples, Parts
from netwright.methods.base import Method
from netwright.models.features import features
from netwright.runs.recipe import Recipe
from netwright.workflow.asked import as_trained
from netwright.workflow.prepare import JUDGED_BATCH, Prepared
from netwright.workflow.run import Run

__all__ = ["RAW", "Inputs", "network_inputs", "raw_inputs"]

RAW = "raw inputs"
_SPLITS = ("train", "val", "test")
_LEAST_SIDE = 64  # pixels; networks trained on photographs see nothing in less
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """Examples in one form.

    Attributes:
        name: "raw inputs", or "features of NAME".
        parts: the splits.
    """

    name: str
    parts: Parts


def raw_inputs(prepared: Prepared, *, memory: float, seed: int) -> Inputs:
    """Inputs as a network would get them, each as one row."""
    index = _within_memory(prepared, memory=memory, seed=seed)
    rows = {split: _rows(prepared, index[split], lambda inputs: inputs) for split in _SPLITS}
    return Inputs(name=RAW, parts=_parts(prepared, rows, index))


def network_inputs(
    source: Run | str, prepared: Prepared, *, recipe: Recipe, memory: float
) -> Inputs:
    """Penultimate activations of a run's network, or of one that was trained by others.

    Each column is standardised on the training split.

    Raises:
        BadData: the run was trained on inputs of another shape, or saw these test examples.
    """
    index = _within_memory(prepared, memory=memory, seed=recipe.seed)
    if isinstance(source, Run):
        made, name = _of_run(source, prepared, recipe, index), source.name
    else:
        pictures = _pictures(prepared)
        network, name = _named(source), source
        made = {
            split: _rows(prepared, index[split], network, preprocess=pictures) for split in _SPLITS
        }
    train = InMemory(made["train"])
    scaled = preprocessing.create("standardise", samples=train, index=torch.arange(len(train)))
    rows = {split: scaled(found) for split, found in made.items()}
    return Inputs(name=f"features of {name}", parts=_parts(prepared, rows, index))


def _within_memory(prepared: Prepared, *, memory: float, seed: int) -> dict[str, Tensor]:
    """The splits; of training and validation a part where all would not fit."""
    row = 4 * prepared.example[:1].numel()
    most = int(memory / 4 / row)
    test = prepared.splits["test"]
    if len(test) > most:
        need = f"{4 * len(test) * row / 1e9:.3g} GB"
        raise must_be("memory", f"enough for the test split ({need})", f"{memory / 1e9:.3g} GB")
    index = {"test": test}
    for split in ("train", "val"):
        whole = prepared.splits[split]
        generator = torch.Generator().manual_seed(seed)
        drawn = torch.randperm(len(whole), generator=generator)[:most].sort().values
        index[split] = whole if len(whole) <= most else whole[drawn]
    return index


def _rows(
    prepared: Prepared,
    index: Tensor,
    network: Callable[[Tensor], Tensor],
    *,
    preprocess: nn.Module | None = None,
) -> Tensor:
    batches = held_out(
        prepared.samples,
        None,
        index=index,
        batch_size=JUDGED_BATCH,
        preprocess=preprocess or prepared.preprocess,
        workers=prepared.workers,
    )
    return _together(network(batch.inputs) for batch in batches)


def _together(pieces: Iterator[Tensor]) -> Tensor:
    return torch.cat([piece.flatten(1).float() for piece in pieces])


def _parts(prepared: Prepared, rows: Mapping[str, Tensor], index: Mapping[str, Tensor]) -> Parts:
    targets = prepared.data.target.values
    if targets is None:
        raise must_be("data", "given with targets", prepared.data.name)
    made = {split: Examples(rows[split].numpy(), targets[index[split]]) for split in _SPLITS}
    for split, examples in made.items():
        bad = int((~rows[split].isfinite()).any(dim=1).sum())
        if bad:
            raise must_be(
                "inputs",
                "finite after preprocessing",
                f"{bad} of {len(examples)} {split} examples",
                "preprocess.name=standardise fills in what is missing.",
                error=BadData,
            )
    task = prepared.task
    return Parts(**made, kind=task.kind, names=task.names, n_train=len(prepared.splits["train"]))


def _of_run(
    run: Run, prepared: Prepared, recipe: Recipe, index: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    if isinstance(run.model, Method):
        raise must_be("features", "of a run that trained one network", run.name)
    same = run.recipe.data.fingerprint == recipe.data.fingerprint
    if same and run.recipe.split != recipe.split:
        fix = "It learned from examples that would judge it: leave the split as it is."
        raise must_be("split", f"that of {run.name}", recipe.split.model_dump(), fix, error=BadData)
    samples = as_trained(run, prepared.data)
    return {
        split: _together(
            features(run.model, batch.inputs)
            for batch in held_out(
                samples,
                None,
                index=places,
                batch_size=JUDGED_BATCH,
                preprocess=run.preprocess,
                workers=prepared.workers,
            )
        )
        for split, places in index.items()
    }


class _Pictures(nn.Module):
    """Raw pictures as networks for photographs take them: colour, 64 pixels at least."""

    def __init__(self, scale: Tensor) -> None:
        super().__init__()
        self.scale = scale
        self.mean = torch.tensor(_MEAN)[:, None, None]
        self.deviation = torch.tensor(_DEVIATION)[:, None, None]

    def forward(self, raw: Tensor) -> Tensor:
        """(n, 1 or 3, h, w) → (n, 3, h, w)."""
        pictures = raw * self.scale
        if pictures.shape[1] != 3:
            pictures = pictures.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
        sides = pictures.shape[-2:]
        if min(sides) < _LEAST_SIDE:
            grown = [round(side * _LEAST_SIDE / min(sides)) for side in sides]
            pictures = F.interpolate(pictures, grown, mode="bilinear")
        return (pictures - self.mean) / self.deviation


def _pictures(prepared: Prepared) -> nn.Module:
    if prepared.data.input_kind is not InputKind.IMAGE:
        kind = str(prepared.data.input_kind)
        raise must_be("data", "pictures for the features of a network of photographs", kind)
    scale = picture_scale(prepared.samples.take(torch.zeros(1, dtype=torch.int64)))
    return _Pictures(scale)


def _named(name: str) -> Callable[[Tensor], Tensor]:
    """Features by a network of `netwright data`, or of the catalogue with its library's weights."""
    from netwright.data.depot import Kind, entry, names, prepared
    from netwright.models.catalogue import create

    if name in names() and entry(name).kind is Kind.WEIGHTS:
        folder = prepared(name)
        if folder is None:
            raise must_be("features", "fetched before they are used", name, _fetch(name))
        card = json.loads((folder / "weights.json").read_text(encoding="utf8"))
        if card["part"] != "all" or card["changes"]:
            raise must_be("features", "weights of a whole network of the catalogue", name)
        network = create(card["architecture"], num_classes=card["classes"])
        _load(network, folder / "model.safetensors")
    else:
        network = create(name, num_classes=1000, pretrained=True)
    return lambda inputs: features(network, inputs)


def _load(network: nn.Module, path: object) -> None:
    from safetensors.torch import load_file

    left = network.load_state_dict(load_file(str(path)), strict=False)
    missing = [key for key in left.missing_keys if not key.endswith("num_batches_tracked")]
    if missing or left.unexpected_keys:
        raise must_be("features", "weights that fit the network", missing or left.unexpected_keys)


def _fetch(name: str) -> str:
    return f"Run: netwright data get {name}"
