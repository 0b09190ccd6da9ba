"""Newton's method with the linear system solved only as far as it pays."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from netwright._errors import BadType, must_be
from netwright.train.optimizers.objective import Objective
from netwright.train.optimizers.reevaluating import Reevaluating

__all__ = ["TruncatedNewton"]

_SUFFICIENT = 1e-4  # Armijo's share of the decrease that the slope promises
_HALVINGS = 12
_GOOD, _POOR = 0.75, 0.25  # shares of the promised decrease at which the damping changes
_LEAST = 1e-6  # damping that growth begins with


class TruncatedNewton(Reevaluating):
    """w ← w + t d, where (H + λ) d = −g is solved by conjugate gradients, and cut short.

    When to use it: batches that are large or whole, where a few expensive steps beat many cheap
    ones; deterministic losses above all. H is the Hessian itself, by products with vectors only.

    The conjugate gradients end when the residual is below min(`tolerance`, √‖g‖) ‖g‖, after
    `cg_iterations`, or at a direction of no positive curvature: then with what they have, which
    goes down. t begins at `lr` and is halved until the loss has fallen enough. λ is halved where
    the loss fell by over ¾ of what the quadratic model promised, and doubled below ¼.

    Paper: Truncated-Newton Algorithms for Large-Scale Unconstrained Optimization, Dembo and
        Steihaug 1983, https://doi.org/10.1007/BF02592055; the damping by the ratio: Deep learning
        via Hessian-free optimization, Martens 2010, https://icml.cc/Conferences/2010/papers/458.pdf
    Differs: from Martens: the Hessian, not Gauss-Newton's matrix, and each system is begun at 0.

    Args:
        params: parameters or groups of them, on one device.
        lr: length of the step that is tried first, in units of d, above 0; the same for all groups.
        damping: λ at the beginning, at least 0.
        cg_iterations: at most, a step; each costs about two gradients.
        tolerance: of the residual, relative to the gradient, above 0.
        weight_decay: half of it times ‖w‖² is added to the loss.

    Example:
        >>> from netwright.train.optimizers.objective import Written
        >>> w = torch.tensor([3.0, 1.0], requires_grad=True)
        >>> newton = TruncatedNewton([w], damping=0.0, tolerance=1e-6)
        >>> newton.step(Written(lambda: 5 * w[0] ** 2 + w[1] ** 2, [w]))
        46.0
        >>> w.abs().max().item() < 1e-5
        True
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1.0,
        *,
        damping: float = 1.0,
        cg_iterations: int = 20,
        tolerance: float = 0.1,
        weight_decay: float = 0.0,
    ) -> None:
        if not lr > 0:
            raise must_be("lr", "above 0", lr)
        if not 0 <= damping < math.inf:
            raise must_be("damping", "at least 0", damping)
        if not isinstance(cg_iterations, int) or cg_iterations < 1:
            raise must_be("cg_iterations", "a whole number of at least 1", cg_iterations)
        if not tolerance > 0:
            raise must_be("tolerance", "above 0", tolerance)
        if weight_decay < 0:
            raise must_be("weight_decay", "at least 0", weight_decay)
        options = {"damping": damping, "cg_iterations": cg_iterations, "tolerance": tolerance}
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, **options})
        self._check_groups()

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update.

        Args:
            closure: an `Objective`; `Written` makes one of a function.

        Returns:
            The loss at the point it began from.
        """
        if not isinstance(closure, Objective):
            raise must_be(
                "closure",
                "an Objective, which knows its curvature",
                type(closure).__name__,
                "netwright.train.optimizers.objective.Written makes one of a function.",
                error=BadType,
            )
        options = self.param_groups[0]
        state = self.state[options["params"][0]]
        state.setdefault("damping", float(options["damping"]))
        problem = _Problem(closure, self._decayed())
        loss = closure()
        slope = problem.slope()
        size = float(slope.norm())
        if size == 0 or not math.isfinite(size) or not math.isfinite(loss):
            return loss
        solved = _conjugate_gradients(
            problem.product(),
            slope,
            damping=state["damping"],
            iterations=options["cg_iterations"],
            enough=min(options["tolerance"], math.sqrt(size)) * size,
        )
        ratio = _search(problem, slope, solved, loss=loss, length=options["lr"])
        state["damping"] = _adapted(state["damping"], ratio)
        return loss

    def _decayed(self) -> list[tuple[Tensor, float]]:
        """Every parameter that asks for a gradient, with its decay."""
        return [
            (parameter, group["weight_decay"])
            for group in self.param_groups
            for parameter in group["params"]
            if parameter.requires_grad
        ]

    def _check_groups(self) -> None:
        rates = sorted({float(group["lr"]) for group in self.param_groups})
        if len(rates) > 1:
            raise must_be("lr", "the same in all groups of truncated-newton", rates)
        kinds = {(p.device, p.dtype) for group in self.param_groups for p in group["params"]}
        if len(kinds) > 1:
            shown = sorted(f"{dtype} on {device}" for device, dtype in kinds)
            raise must_be("params", "on one device and of one dtype for truncated-newton", shown)


class _Problem:
    """The loss with its decay as a function of one long vector."""

    def __init__(self, objective: Objective, decayed: Sequence[tuple[Tensor, float]]) -> None:
        self._objective = objective
        self.parameters = [parameter for parameter, _ in decayed]
        self._decays = [decay for _, decay in decayed]
        self._decays_at_all = any(self._decays)

    def slope(self) -> Tensor:
        """The gradient that the objective has left."""
        found = [torch.zeros_like(one) if one.grad is None else one.grad for one in self.parameters]
        return self._with_decay(_flat(found), self.parameters)

    def penalty(self) -> float:
        """What the decay costs."""
        if not self._decays_at_all:
            return 0.0
        pairs = zip(self._decays, self.parameters, strict=True)
        return sum(0.5 * decay * float(one.double().square().sum()) for decay, one in pairs)

    def loss(self) -> float:
        """With the decay."""
        return self._objective.loss() + self.penalty()

    def product(self) -> Callable[[Tensor], Tensor]:
        """From a vector to the Hessian times it."""
        of_loss = self._objective.hessian(self.parameters)

        def product(vector: Tensor) -> Tensor:
            parts = self.parted(vector)
            return self._with_decay(_flat(of_loss(parts)), parts)

        return product

    def parted(self, vector: Tensor) -> list[Tensor]:
        """A vector in the shapes of the parameters."""
        pieces = torch.split(vector, [parameter.numel() for parameter in self.parameters])
        return [piece.view(p.shape) for piece, p in zip(pieces, self.parameters, strict=True)]

    def _with_decay(self, vector: Tensor, of: Sequence[Tensor]) -> Tensor:
        if not self._decays_at_all:
            return vector
        return vector + _flat(list(torch._foreach_mul(list(of), self._decays)))


class _Solved(NamedTuple):
    """What conjugate gradients came to.

    Attributes:
        direction: d.
        curvature: dᵀ H d, without the damping.
    """

    direction: Tensor
    curvature: float


def _conjugate_gradients(
    product: Callable[[Tensor], Tensor],
    slope: Tensor,
    *,
    damping: float,
    iterations: int,
    enough: float,
) -> _Solved:
    """Solve (H + damping) d = −slope from 0, until the residual is `enough` small."""
    direction = torch.zeros_like(slope)
    residual = -slope
    heading = residual.clone()
    square = float(residual @ residual)
    for number in range(iterations):
        bent = product(heading).add_(heading, alpha=damping)
        curvature = float(heading @ bent)
        if not curvature > torch.finfo(slope.dtype).eps * float(heading @ heading):
            if number == 0:  # downhill, no further than a unit
                direction = heading / max(1.0, math.sqrt(square))
                along = curvature / square - damping
                return _Solved(direction, along * float(direction @ direction))
            break
        stride = square / curvature
        direction.add_(heading, alpha=stride)
        residual.sub_(bent, alpha=stride)
        before, square = square, float(residual @ residual)
        if math.sqrt(square) <= enough:
            break
        heading.mul_(square / before).add_(residual)
    # (H + λ) d = −g − r
    damped = -float(direction @ slope) - float(direction @ residual)
    return _Solved(direction, damped - damping * float(direction @ direction))


def _search(
    problem: _Problem, slope: Tensor, solved: _Solved, *, loss: float, length: float
) -> float:
    """Go along the direction, halving the step until the loss falls enough.

    Returns:
        By how much it fell over what the quadratic model promised; −1 where it never did, and the
        parameters are as they were.
    """
    promised = float(solved.direction @ slope)
    present = [parameter.clone() for parameter in problem.parameters]
    parts = problem.parted(solved.direction)
    before = loss + problem.penalty()
    rounding = 4 * torch.finfo(slope.dtype).eps * abs(before)
    for _ in range(_HALVINGS):
        for parameter, start, part in zip(problem.parameters, present, parts, strict=True):
            torch.add(start, part, alpha=length, out=parameter)
        change = problem.loss() - before
        if change <= _SUFFICIENT * length * promised + rounding:
            model = length * promised + 0.5 * length**2 * solved.curvature
            return change / model if model < -rounding else 1.0
        length /= 2
    for parameter, start in zip(problem.parameters, present, strict=True):
        parameter.copy_(start)
    return -1.0


def _adapted(damping: float, ratio: float) -> float:
    """Levenberg and Marquardt's rule: less where the model is right, more where it is not."""
    if ratio > _GOOD:
        return damping / 2
    if ratio < 0:
        return max(4 * damping, _LEAST)
    return max(2 * damping, _LEAST) if ratio < _POOR else damping


def _flat(tensors: Sequence[Tensor]) -> Tensor:
    return torch.cat([tensor.reshape(-1) for tensor in tensors])
