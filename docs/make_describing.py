"""Makes docs/describing.md and the pictures it shows, from the networks themselves.

python docs/make_describing.py
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import netwright as nw
from netwright.models.graph import Description
from netwright.models.graph.table import field_of, large

HERE = Path(__file__).parent
NETWORKS = ("alexnet", "vgg16", "googlenet", "inception_v3", "resnet18", "resnet50", "resnet152")
NETWORKS += ("densenet121", "mobilenet_v2", "shufflenet_v2_x1_0", "squeezenet1_1")
NETWORKS += ("mobilenet_v3_small", "efficientnet_b0", "convnext_tiny", "swin_t", "vit_b_16")
PUBLISHED = {"alexnet": "195", "vgg16": "212", "inception_v3": "1311"}

DEPTHS = {"resnet18": 2, "googlenet": 1}

INTRODUCTION = """# What a network is made of

```bash
netwright describe torchvision:googlenet --depth 1 -o googlenet.svg
netwright describe small-resnet --input 1x28x28 --set model.width=64 --effective 8
netwright describe my.py:Net --input 3x64x64 --json
netwright describe my.py:Reader --input 20:int            # 20 integers, such as numbers of words
netwright describe my.py:Both --input 3x64x64 --input 5   # two inputs
netwright describe runs/digits-1
```

From Python `nw.describe(model, (3, 224, 224))` takes any module; printed it is the table, and it
has `layers`, `parameters`, `multiply_adds`, `flops`, `draw("net.svg")`, `collapsed(depth)` and
`to_json()`.

The model runs once on tensors without values and stays as it was. What really ran is recorded, so
functional calls, modules used twice, branches and writes in place are all there.

**Parameters** count biases; shared ones count once. **Multiply-adds** are those of convolutions,
matrix products and attention, as torch's counter has them; **FLOPs** are twice these, and beside
them biases, activations, pooling and normalisation (the top of `models/graph/costs.py` says how).
An operation without a formula is named.

**Receptive field.** Element p of a layer sees positions `start + stride·p` to
`start + stride·p + size − 1` of the input and nothing else. Branches are united. Behind a
transposed convolution or up-sampling, neighbours see parts of different sizes: size and start are
then those of the union over positions, the stride may be a fraction (1/2), and `largest` is the
most that one element sees. *all* is the whole input: behind linear layers, attention, means over
all positions and whatever is multiplied with them. What normalisation's statistics see is not
counted. An operation that can't be followed is named, and what comes after it has a `?`. The tests
hold it against the gradient, element by element, in random nets and in torchvision's.

**Effective field** (`--effective N`): four standard deviations of a Gaussian fitted to the mean
gradient of the middle unit over N random inputs
([Luo et al. 2016](https://arxiv.org/abs/1701.04128)). [Measured](measured.md) on ResNet-18:
training on ImageNet widens it in the last stage and narrows it in the first two.

**Signal.** How the mean, the variance and the gradient norm change from layer to layer before the
first step is said of a network on its data by `netwright signal DATA --model MODEL`, from Python by
`netwright.probes.signal_propagation(model, batch)`.

**Shape arithmetic** alone is in `netwright.models.shapes`: `output_size`,
`transposed_output_size`, `same_padding`, `full_padding`, parameters and multiply-adds.

**Derivatives** of any function are in `netwright.probes.derivatives`: `gradient`,
`directional_derivative` (forward mode), `jacobian`, `hessian_vector_product`, and `in_parameters`,
which makes a model's loss such a function. What they cost is [measured](measured.md).

## torchvision's networks

One picture of 3×224×224. The field is that of the last layer before everything is pooled or mixed,
which in nets that squeeze and excite is an early one; in brackets what
[Araujo et al. 2019](https://distill.pub/2019/computing-receptive-fields) publish of the same
architecture.

"""


def described(name: str) -> Description:
    """Of a network of torchvision."""
    with torch.device("meta"):
        model = nw.create(f"torchvision:{name}", num_classes=1000)
    return nw.describe(model, (3, 224, 224))


def last_moving(found: Description, name: str) -> tuple[str, str, str]:
    """Field, stride and start of the last layer that has a stride; published size in brackets."""
    moving = [
        one
        for one in found.layers
        if one.receptive_field and all(axis.stride for axis in one.receptive_field)
    ]
    if name in PUBLISHED:  # theirs ends before torchvision's pooling to a fixed size
        moving = [one for one in moving if not one.operation.startswith(("Adaptive", "Dropout"))]
    size, stride, start = field_of(moving[-1])
    return (f"{size} ({PUBLISHED[name]})" if name in PUBLISHED else size, stride, start)


def draw_block(found: Description, name: str, path: Path) -> None:
    """One module's layers, what they read from outside taken for the input."""
    inside = [one for one in found.layers if one.name.startswith(f"{name}.") or one.name == name]
    first = found.layers.index(inside[0])
    before = found.layers[inside[0].reads[0]].output_shape
    layers = tuple(
        replace(one, reads=tuple(sorted({max(n - first, -1) for n in one.reads}))) for one in inside
    )
    block = replace(found, layers=layers, name=name, input_shape=before)
    block.draw(path, depth=0)


class Unet(nn.Module):
    """Encoder and decoder: down twice, up twice, each level handed across."""

    def __init__(self) -> None:
        super().__init__()
        self.down1 = nn.Conv2d(3, 16, 3, padding=1)
        self.down2 = nn.Conv2d(16, 32, 3, padding=1)
        self.bottom = nn.Conv2d(32, 64, 3, padding=1)
        self.up2 = nn.ConvTranspose2d(64, 32, 2, 2)
        self.mix2 = nn.Conv2d(64, 32, 3, padding=1)
        self.up1 = nn.ConvTranspose2d(32, 16, 2, 2)
        self.mix1 = nn.Conv2d(32, 16, 3, padding=1)
        self.classes = nn.Conv2d(16, 5, 1)

    def forward(self, picture: Tensor) -> Tensor:
        """A score of each class at each pixel."""
        fine = F.relu(self.down1(picture))
        coarse = F.relu(self.down2(F.max_pool2d(fine, 2)))
        deepest = F.relu(self.bottom(F.max_pool2d(coarse, 2)))
        coarse = F.relu(self.mix2(torch.cat([coarse, self.up2(deepest)], 1)))
        return self.classes(F.relu(self.mix1(torch.cat([fine, self.up1(coarse)], 1))))


def row(found: Description, name: str) -> str:
    """A network's line of the first table."""
    cells = (f"{found.parameters:,}", large(found.multiply_adds), large(found.flops))
    return f"| {' | '.join((name, *cells, *last_moving(found, name)))} |"


def section(found: Description, title: str) -> str:
    """A network's layers."""
    table = str(found).partition("\nnot used")[0]
    return f"## {title}\n\n```text\n{table}\n```\n"


def unet() -> str:
    """The section of an encoder with a decoder."""
    found = nw.describe(Unet(), (3, 128, 128))
    return section(found, "An encoder with a decoder (U-Net), layer by layer")


def page() -> str:
    """The whole page; the drawing is made beside it."""
    lines = ["| network | parameters | multiply-adds | FLOPs | field | stride | start |"]
    lines += ["|---|---|---|---|---|---|---|"]
    tables = []
    for name in NETWORKS:
        found = described(name)
        lines.append(row(found, name))
        if name in DEPTHS:
            title = f"{name}, whole modules for layers"
            tables.append(section(found.collapsed(DEPTHS[name]), title))
        if name == "googlenet":
            draw_block(found, "inception3a", HERE / "images" / "inception-3a.svg")
    text = INTRODUCTION + "\n".join(lines) + "\n\n" + "\n".join((*tables, unet()))
    return text + "\n## A block of GoogLeNet, drawn\n\n![Inception 3a](images/inception-3a.svg)\n"


if __name__ == "__main__":
    (HERE / "describing.md").write_text(page(), encoding="utf-8")
