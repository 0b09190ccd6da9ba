"""How a run is carried out, apart from what it learns and from which data."""

from __future__ import annotations

from dataclasses import dataclass

from netwright._errors import must_be

__all__ = ["Settings"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Numbers of the loop.

    Attributes:
        epochs: passes over the source of every stage that names no number of its own.
        seed: of dropout and of whatever else draws from the global generators.
        micro_batch_size: examples whose graph is held at a time; None takes each batch whole.
        precision: auto, fp32, bf16 or fp16.
        clip_norm: bound on the global gradient norm.
        clip_value: bound on each gradient entry.
        noise_eta: variance of the Gaussian noise on each gradient entry at the first step; None for
            none.
        noise_gamma: how fast it falls, as 1 / (1 + step)^gamma.
        ema_decay: decay of an exponential average of the weights, which is then what is validated
            and kept; None for none.
        swa_start: share of a stage from which on the weights that its epochs end with are averaged,
            which is then what is validated and kept; None for none.
        validate_every: epochs between validations.
        snapshot_every: epochs between snapshots on disk; 0 writes one at the end of a run that is
            interrupted, and none else.
        snapshot_steps: steps between further snapshots, within an epoch too; 0 for none.
        compile: carry out the steps of phases that allow it as one compiled graph each.
        ring: snapshots kept in memory for roll-backs, one an epoch; 0 for none.
        restore_best: end with the weights of the best validation rather than the last.
        skipped_limit: non-finite updates in a row after which the run is given up.
    """

    epochs: int = 10
    seed: int = 0
    micro_batch_size: int | None = None
    precision: str = "auto"
    clip_norm: float | None = None
    clip_value: float | None = None
    noise_eta: float | None = None
    noise_gamma: float = 0.55
    ema_decay: float | None = None
    swa_start: float | None = None
    validate_every: int = 1
    snapshot_every: int = 1
    snapshot_steps: int = 0
    compile: bool = False
    ring: int = 0
    restore_best: bool = True
    skipped_limit: int = 20

    def __post_init__(self) -> None:
        for name, least in (
            ("epochs", 1),
            ("validate_every", 1),
            ("snapshot_every", 0),
            ("snapshot_steps", 0),
            ("ring", 0),
            ("skipped_limit", 1),
        ):
            value = getattr(self, name)
            if value < least:
                raise must_be(name, f"at least {least}", value)
        if self.ema_decay is not None and self.swa_start is not None:
            raise must_be("swa_start", "left out beside ema_decay", self.swa_start)
        if self.micro_batch_size is not None and self.micro_batch_size < 1:
            raise must_be("micro_batch_size", "at least 1", self.micro_batch_size)
