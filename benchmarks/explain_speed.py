"""What does an explanation cost, beside Captum and pytorch-grad-cam?

Processor time of the process, one thread; contestants take turns, every other turn backwards, and a
row is the ratio to the first of its group in the same turn, with the interval of the median over
turns. ResNet-18, one picture of 224 pixels, unless a row says otherwise; the weights are random,
which changes no time. What a method prepares (norms taken into weights, layouts) is in its time.

    python benchmarks/explain_speed.py                         # all groups, ~40 minutes when quiet
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
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from _rows import bootstrap, surroundings, write_rows
from _turns import quieten
from netwright import explain

Contestants = dict[str, Callable[[], object]]
TURNS = {"grad-cam": 25, "gradients": 25, "occlusion": 5, "windows": 3, "curves": 3, "memory": 1}
NETS = ("resnet18", "resnet50", "vgg16", "mobilenet_v2")
WINDOWS = ((16, 8), (32, 16), (32, 32), (64, 32), (112, 56))


def network(name: str = "resnet18") -> nn.Module:
    """As torchvision gives it, with random weights."""
    from torchvision import models

    torch.manual_seed(0)
    return models.get_model(name, weights=None).eval()


def picture() -> Tensor:
    return torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))


def grad_cam() -> Contestants:
    """The last block, at the inputs' size."""
    from captum.attr import LayerAttribution, LayerGradCam
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    model, x = network(), picture()
    captums, theirs = LayerGradCam(model, model.layer4), GradCAM(model, [model.layer4[-1]])
    return {
        "captum": lambda: LayerAttribution.interpolate(
            captums.attribute(x, target=3, relu_attributions=True), (224, 224), "bilinear"
        ),
        "pytorch-grad-cam": lambda: theirs(x, targets=[ClassifierOutputTarget(3)]),
        "netwright": lambda: explain.grad_cam(model, x, target=3, layer="layer4"),
        "one forward pass": lambda: _passes(model, x),
    }


def gradients() -> Contestants:
    from captum.attr import GuidedBackprop, Saliency

    model, x = network(), picture()
    guided = GuidedBackprop(network())
    found: Contestants = {
        "captum saliency": lambda: Saliency(model).attribute(x.clone().requires_grad_(), target=3),
        "netwright saliency": lambda: explain.saliency(model, x, target=3),
        "captum guided backprop": lambda: guided.attribute(x.clone().requires_grad_(), target=3),
    }
    if "guided_backprop" in explain.__all__:
        method = getattr(explain, "guided_backprop")  # noqa: B009
        found["netwright guided backprop"] = lambda: method(model, x, target=3)
    return found


def occlusion() -> Contestants:
    """Window 32, stride 16: 169 places."""
    model, x = network(), picture()
    return {
        f"captum, {size} at a time": _captums(model, x, size=32, stride=16, at_a_time=size)
        for size in (32, 8)
    } | {
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


def windows() -> dict[str, Contestants]:
    """Nets, windows and strides: where boxes pay."""
    return {
        f"{name}, window {size}, stride {stride}": {
            "captum": _captums(network(name), picture(), size=size, stride=stride, at_a_time=32),
            "netwright": _own(network(name), size, stride),
        }
        for name in NETS
        for size, stride in WINDOWS
    }


def _own(model: nn.Module, size: int, stride: int) -> Callable[[], object]:
    return lambda: explain.occlusion(model, picture(), target=3, window=size, stride=stride)


def curves() -> Contestants:
    """100 pictures, 20 steps: 2,100 forward passes."""
    model = network()
    x = torch.rand(100, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    maps = torch.rand(100, 64, 64, generator=torch.Generator().manual_seed(1))
    passes = torch.cat([x] * 21)
    return {
        "forward passes alone": lambda: _passes(model, passes),
        "deletion": lambda: explain.deletion(model, x, maps=maps, target=3),
        "insertion": lambda: explain.insertion(model, x, maps=maps, target=3),
    }


@torch.no_grad()
def _passes(model: nn.Module, inputs: Tensor) -> None:
    for some in inputs.split(32):
        model(some)


def memory(quick: bool) -> list[dict[str, object]]:
    """Growth of the process's largest size over 100, and then over 1,000 places."""
    model, x, rows = network(), picture(), []
    for stride in (64, 21) if quick else (21, 6):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        places = explain.occlusion_grid(model, x, window=32, stride=stride).numel()
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        rows.append({"group": "memory", "contestant": f"netwright, {places} places more MiB"})
        rows[-1] |= {"ms": f"{grown / 1024:.0f}", "ratio": "", "low": "", "high": "", "turns": 1}
        print(f"memory: {places} places, {grown / 1024:.0f} MiB more than before")
    return rows


def take_turns(
    contestants: Mapping[str, Callable[[], object]], turns: int
) -> list[dict[str, float]]:
    measured: list[dict[str, float]] = []
    for turn in range(turns + 1):
        order = list(contestants)[:: -1 if turn % 2 else 1]
        measured.append({name: _time(contestants[name]) for name in order})
    return measured[1:]  # the first turn is for imports and caches


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
        row |= {"ms": f"{statistics.median(turn[name] for turn in measured):.1f}"}
        row |= {"ratio": f"{middle:.3f}", "low": f"{low:.3f}", "high": f"{high:.3f}"}
        found.append(row | {"turns": turns})
        print(f"{group:40} {name:28} {row['ms']:>9} ms  {middle:.3f} [{low:.3f}, {high:.3f}]")
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
        "grad-cam": grad_cam, "gradients": gradients, "occlusion": occlusion, "curves": curves,
    }  # fmt: skip
    rows: list[dict[str, object]] = []
    for name in sorted(asked.only, key=lambda name: name != "memory"):  # while nothing has grown
        turns = 1 if asked.quick else asked.turns or TURNS[name]
        if name == "memory":
            rows += memory(asked.quick)
        elif name == "windows":
            tables = windows()
            for title in list(tables)[: 1 if asked.quick else None]:
                rows += rows_of(title, tables[title], turns)
        else:
            rows += rows_of(name, groups[name](), turns)
    around = surroundings("torch", "torchvision", "netwright", "captum", "grad-cam")
    if not asked.quick:
        print(write_rows("explain_speed", [row | around for row in rows]))


if __name__ == "__main__":
    main()
