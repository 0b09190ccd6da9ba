"""What classical models are given: preprocessed inputs, or what a network makes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from netwright._errors import BadData, must_be
from netwright.data.dataset import InMemory, InputKind
from netwright.data.preprocess import catalogue as preprocessing
from netwright.data.preprocess.photographs import Photographs
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
        (network, pictures), name = _named(source, prepared), source
        seen = partial(features, network)
        made = {
            split: _rows(prepared, index[split], seen, preprocess=pictures) for split in _SPLITS
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


def _named(name: str, prepared: Prepared) -> tuple[nn.Module, nn.Module]:
    """A network of `netwright data`, or of the catalogue with its library's weights; its inputs.

    Raises:
        BadValue: the data are no pictures, or the network is there in part.
    """
    from netwright.data.depot.weights import IMAGENET_MEAN, IMAGENET_STD
    from netwright.models.catalogue import create
    from netwright.workflow.pretrained import is_pretrained, pretrained

    if prepared.data.input_kind is not InputKind.IMAGE:
        kind = str(prepared.data.input_kind)
        raise must_be("data", "pictures for the features of a network of photographs", kind)
    if not is_pretrained(name):
        network = create(name, num_classes=1000, pretrained=True)
        return network, Photographs(IMAGENET_MEAN, IMAGENET_STD, least_side=_LEAST_SIDE)
    known = pretrained(name)
    if not known.class_names:
        raise must_be("features", "weights of a whole network", name)
    scale = known.preprocess
    pictures = Photographs(
        scale.mean.flatten().tolist(), scale.deviation.flatten().tolist(), least_side=_LEAST_SIDE
    )
    return known.model, pictures
