"""Every way to learn by name."""

from __future__ import annotations

from netwright._catalogue import Catalogue, Entry

__all__ = ["CATALOGUE"]

CATALOGUE = Catalogue(
    "method",
    (
        Entry(
            name="supervised",
            target="netwright.methods.supervised:Supervised",
            summary="one network learns targets from inputs; output unit and loss by the target",
        ),
        Entry(
            name="fine-tuning",
            target="netwright.methods.transfer.fine_tuning:FineTuning",
            summary="a trained network goes on learning: freezing, rates by depth, unfreezing by "
            "stages (transfer)",
            paper="Universal Language Model Fine-tuning for Text Classification, 2018, "
            "https://arxiv.org/abs/1801.06146",
        ),
        Entry(
            name="frozen-features",
            target="netwright.methods.transfer.frozen_features:FrozenFeatures",
            summary="the last layer learns on what a trained network makes of inputs (transfer)",
            paper="CNN Features Off-the-Shelf: An Astounding Baseline for Recognition, 2014, "
            "https://arxiv.org/abs/1403.6382",
        ),
        Entry(
            name="auxiliary-heads",
            target="netwright.methods.auxiliary_heads:AuxiliaryHeads",
            summary="classifiers halfway up the network learn along, their losses times 0.3",
            paper="Going Deeper with Convolutions, 2014, https://arxiv.org/abs/1409.4842",
        ),
        Entry(
            name="multi-task",
            target="netwright.methods.multi_task.multi_task:MultiTask",
            summary="one shared network with a head a task; weighting: fixed, uncertainty, pcgrad",
            paper="Multitask Learning, 1997, https://doi.org/10.1023/A:1007379606734",
            facts={"targets": "several"},
        ),
        Entry(
            name="normal-equations",
            target="netwright.methods.normal_equations:NormalEquations",
            summary="least squares and ridge of a linear model in one exact step",
            paper="Ridge regression: biased estimation for nonorthogonal problems, 1970, "
            "https://doi.org/10.1080/00401706.1970.10488634",
        ),
        Entry(
            name="grid-search",
            target="netwright.methods.grid_search:GridSearch",
            summary="the loss at every point of a grid of at most three weights (brute force)",
        ),
        Entry(
            name="distillation",
            target="netwright.methods.distillation:Distillation",
            summary="one network learns what trained ones say (teachers), beside what is true",
            paper="Distilling the Knowledge in a Neural Network, 2015, "
            "https://arxiv.org/abs/1503.02531",
        ),
        Entry(
            name="capsules",
            target="netwright.methods.capsules:Capsules",
            summary="margin loss of capsules' lengths, and reconstruction from the true one",
            paper="Dynamic Routing Between Capsules, 2017, https://arxiv.org/abs/1710.09829",
        ),
    ),
)
