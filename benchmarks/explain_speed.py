"""What does an explanation cost, beside Captum and pytorch-grad-cam?

Processor time of the process, one thread; contestants take turns, every other turn backwards, and a
row is the ratio to the first of its group in the same turn, with the interval of the median over
turns. ResNet-18, one picture of 224 pixels in float32, unless a row says otherwise; the weights are
random, which changes no time. What a method prepares (layouts of maps and weights) is in its time;
Captum is also given a network that lies channels last already, which is its best setting. Ratios of
windows hardly depend on the stride, so the smallest are taken of ResNet-18 only and the largest net
has few; they have one turn, and no interval. Curves are in `explain_curves.py`.

    python benchmarks/explain_speed.py                         # all groups, ~9 minutes when quiet
    python benchmarks/explain_speed.py --only grad-cam --turns 9
    python benchmarks/explain_speed.py --quick                 # does everything run? writes nothing
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch: one thread for everybody

import argparse
import gc
import resource
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice

import torch
from torch import Tensor, nn

from _rows import bootstrap, surroundings, write_rows
from _turns import quieten
from netwright import explain

Contestants = dict[str, Callable[[], object]]
TURNS = {
    "grad-cam": 25, "gradients": 25, "grad-cam, 8 pictures": 9, "gradients, 8 pictures": 9,
    "occlusion": 3, "windows": 1, "memory": 1,
}  # fmt: skip
USUAL = ((16, 16), (32, 16), (32, 32), (64, 16), (64, 32))
WINDOWS = {
    "resnet18": ((16, 8), (32, 8), (64, 8), *USUAL),
    "resnet50": USUAL,
    "vgg16": ((16, 16), (32, 32), (64, 32)),
    "mobilenet_v2": USUAL,
}


def network(name: str = "resnet18") -> nn.Module:
    """As torchvision gives it, with random weights."""
    from torchvision import models

    torch.manual_seed(0)
    return models.get_model(name, weights=None).eval()


def pictures(count: int = 1) -> Tensor:
    return torch.rand(count, 3, 224, 224, generator=torch.Generator().manual_seed(0))


def grad_cam(count: int = 1) -> Contestants:
    """The last block, at the inputs' size."""
    from captum.attr import LayerAttribution, LayerGradCam
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    model, x = network(), pictures(count)
    own = network()  # theirs leaves its hooks on, which the others need not carry
    captums, theirs = LayerGradCam(model, model.layer4), GradCAM(own, [own.layer4[-1]])
    return {
        "captum": lambda: LayerAttribution.interpolate(
            captums.attribute(x, target=3, relu_attributions=True), (224, 224), "bilinear"
        ),
        "pytorch-grad-cam": lambda: theirs(x, targets=[ClassifierOutputTarget(3)] * count),
        "netwright": lambda: explain.grad_cam(model, x, target=3, layer="layer4"),
        "one forward pass": lambda: _passes(model, x),
    }


def gradients(count: int = 1) -> Contestants:
    from captum.attr import GuidedBackprop, Saliency

    model, x = network(), pictures(count)
    guided = GuidedBackprop(network())
    return {
        "captum saliency": lambda: Saliency(model).attribute(x.clone().requires_grad_(), target=3),
        "netwright saliency": lambda: explain.saliency(model, x, target=3),
        "captum guided backprop": lambda: guided.attribute(x.clone().requires_grad_(), target=3),
        "netwright guided backprop": lambda: explain.guided_backprop(model, x, target=3),
    }


def occlusion() -> Contestants:
    """Window 32, stride 16: 169 places."""
    model, x = network(), pictures()
    return {
        f"captum, {size} at a time": _captums(model, x, size=32, stride=16, at_a_time=size)
        for size in (32, 8)
    } | {
        "captum, 8 at a time, channels last": _captums(
            network().to(memory_format=torch.channels_last),
            x.contiguous(memory_format=torch.channels_last),
            size=32,
            stride=16,
            at_a_time=8,
        ),
        "netwright, 32 at a time": lambda: explain.occlusion(model, x, window=32, stride=16),
        "netwright, 8 at a time": lambda: explain.occlusion(
            model, x, window=32, stride=16, batch_size=8
        ),
    }


def _captums(
    model: nn.Module, x: Tensor, *, size: int, stride: int, at_a_time: int
) -> Callable[[], object]:
    from captum.attr import Occlusion

    def run() -> object:
        with torch.no_grad():
            return Occlusion(lambda inputs: model(inputs).log_softmax(1)).attribute(
                x,
                sliding_window_shapes=(3, size, size),
                strides=(3, stride, stride),
                target=3,
                perturbations_per_eval=at_a_time,
            )

    return run


def windows() -> Iterator[tuple[str, Contestants]]:
    """Nets, windows and strides: where boxes pay."""
    for name, sizes in WINDOWS.items():
        model, x = network(name), pictures()
        explain.occlusion(model, x, window=224)  # caches and kernels of a new net
        for size, stride in sizes:
            yield (
                f"{name}, window {size}, stride {stride}",
                {
                    "captum": _captums(model, x, size=size, stride=stride, at_a_time=8),
                    "netwright": _own(model, size, stride),
                },
            )


def _own(model: nn.Module, size: int, stride: int) -> Callable[[], object]:
    return lambda: explain.occlusion(model, pictures(), target=3, window=size, stride=stride)


@torch.no_grad()
def _passes(model: nn.Module, inputs: Tensor) -> None:
    for some in inputs.split(32):
        model(some)


def memory(quick: bool) -> list[dict[str, object]]:
    """The process's largest size in 49 places, and what 100 and then 1,089 add to it."""
    model, x, rows = network(), pictures(), []
    for stride in (64, 32) if quick else (32, 23, 6):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        places = explain.occlusion_grid(model, x, window=32, stride=stride).numel()
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        row: dict[str, object] = {"group": "memory", "contestant": f"netwright, {places} places"}
        row |= {"figure": f"{grown / 1024:.0f}", "unit": "MiB more"}
        rows.append(row | {"ratio": "", "low": "", "high": "", "turns": 1})
        print(f"memory: {places} places, {grown / 1024:.0f} MiB more than before")
    return rows


def take_turns(
    contestants: Mapping[str, Callable[[], object]], turns: int
) -> list[dict[str, float]]:
    measured: list[dict[str, float]] = []
    unmeasured = int(turns > 1)  # one for imports and caches
    for turn in range(turns + unmeasured):
        order = list(contestants)[:: -1 if turn % 2 else 1]
        measured.append({name: _time(contestants[name]) for name in order})
    return measured[unmeasured:]


def _time(run: Callable[[], object]) -> float:
    gc.collect()
    started = time.process_time()
    run()
    return 1e3 * (time.process_time() - started)


def rows_of(
    group: str, contestants: Mapping[str, Callable[[], object]], turns: int
) -> list[dict[str, object]]:
    measured = take_turns(contestants, turns)
    found: list[dict[str, object]] = []
    for name in contestants:
        peer = _reference(name, list(contestants))

        def ratio(several: Sequence[dict[str, float]], name: str = name, peer: str = peer) -> float:
            return statistics.median(turn[name] / turn[peer] for turn in several)

        middle, low, high = bootstrap(ratio, measured)
        row: dict[str, object] = {"group": group, "contestant": name}
        row |= {"figure": f"{statistics.median(turn[name] for turn in measured):.1f}", "unit": "ms"}
        row |= {"ratio": f"{middle:.3f}", "low": f"{low:.3f}", "high": f"{high:.3f}"}
        found.append(row | {"turns": turns})
        print(f"{group:40} {name:34} {row['figure']:>9} ms  {middle:.3f} [{low:.3f}, {high:.3f}]")
    return found


def _reference(name: str, names: Sequence[str]) -> str:
    """The first; of saliency and guided backprop each its own."""
    own = [
        one for one in names if one.startswith("captum ") and one.endswith(name.split(" ", 1)[-1])
    ]
    return own[0] if own else names[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="+", choices=TURNS, default=list(TURNS))
    parser.add_argument("--turns", type=int, help="of each group")
    parser.add_argument("--quick", action="store_true", help="one turn, nothing is written")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    quieten()
    groups = {
        "grad-cam": grad_cam,
        "gradients": gradients,
        "grad-cam, 8 pictures": partial(grad_cam, 8),
        "gradients, 8 pictures": partial(gradients, 8),
        "occlusion": occlusion,
    }
    rows: list[dict[str, object]] = []
    for name in sorted(asked.only, key=lambda name: name != "memory"):  # while nothing has grown
        turns = 1 if asked.quick else asked.turns or TURNS[name]
        if name == "memory":
            rows += memory(asked.quick)
        elif name == "windows":
            for title, contestants in islice(windows(), 1 if asked.quick else None):
                rows += rows_of(title, contestants, turns)
        else:
            rows += rows_of(name, groups[name](), turns)
    around = surroundings("torch", "torchvision", "netwright", "captum", "grad-cam")
    if not asked.quick:
        print(write_rows("explain_speed", [row | around for row in rows]))


if __name__ == "__main__":
    main()
