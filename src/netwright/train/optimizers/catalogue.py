"""Every optimiser by name: torch's where it has them, ours where it does not."""

from __future__ import annotations

from netwright._catalogue import Catalogue, Entry

__all__ = ["CATALOGUE"]

_TORCH = {
    "sgd": ("SGD", "stochastic gradient descent, with momentum or torch's form of Nesterov"),
    "adam": ("Adam", "adaptive moments; decay is mixed into the gradient"),
    "adamw": ("AdamW", "adaptive moments; decay apart from the gradient"),
    "adagrad": ("Adagrad", "rates that shrink with the gradients seen"),
    "rmsprop": ("RMSprop", "rates that follow the recent size of the gradient"),
    "nadam": ("NAdam", "Adam with Nesterov's momentum"),
    "radam": ("RAdam", "Adam with a rectified early variance"),
    "lbfgs": ("LBFGS", "quasi-Newton with a limited memory; takes the gradient again"),
}

CATALOGUE = Catalogue(
    "optimizer",
    (
        *(
            Entry(name=name, target=f"torch.optim:{target}", summary=summary)
            for name, (target, summary) in _TORCH.items()
        ),
        Entry(
            name="moving-average-momentum",
            target="netwright.train.optimizers.moving_average_momentum:MovingAverageMomentum",
            summary="descent along a moving average of the gradients, v = αv + (1 - α)g",
            paper="On the importance of initialization and momentum in deep learning, 2013, "
            "https://proceedings.mlr.press/v28/sutskever13.html",
        ),
        Entry(
            name="lookahead-nesterov",
            target="netwright.train.optimizers.lookahead_nesterov:LookaheadNesterov",
            summary="momentum with the gradient taken at the interim point",
            paper="On the importance of initialization and momentum in deep learning, 2013, "
            "https://proceedings.mlr.press/v28/sutskever13.html",
        ),
        Entry(
            name="truncated-newton",
            target="netwright.train.optimizers.truncated_newton:TruncatedNewton",
            summary="Newton's step by conjugate gradients on Hessian-vector products, damped",
            paper="Truncated-Newton Algorithms for Large-Scale Unconstrained Optimization, 1983, "
            "https://doi.org/10.1007/BF02592055",
        ),
    ),
)
