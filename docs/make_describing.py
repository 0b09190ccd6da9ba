"""Makes docs/describing.md and the pictures it shows, from the networks themselves.

python docs/make_describing.py
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

import netwright as nw
from netwright.models.graph import Description
from netwright.models.graph.table import field_of, large

HERE = Path(__file__).parent
NETWORKS = ("alexnet", "vgg16", "googlenet", "inception_v3", "resnet18", "resnet50", "resnet152")
NETWORKS += ("densenet121", "mobilenet_v2", "shufflenet_v2_x1_0", "squeezenet1_1")
NETWORKS += ("mobilenet_v3_small", "efficientnet_b0", "convnext_tiny", "swin_t", "vit_b_16")
PUBLISHED = {"alexnet": "195", "vgg16": "212", "inception_v3": "1311"}

INTRODUCTION = """# What a network is made of

```bash
netwright describe torchvision:googlenet --depth 1 -o googlenet.svg
netwright describe small-resnet --input 1x28x28 --set model.width=64 --effective 8
netwright describe my.py:Net --input 3x64x64 --json
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


def main() -> None:
    """Write the page."""
    lines = ["| network | parameters | multiply-adds | FLOPs | field | stride | start |"]
    lines += ["|---|---|---|---|---|---|---|"]
    tables = []
    for name in NETWORKS:
        found = described(name)
        cells = (f"{found.parameters:,}", large(found.multiply_adds), large(found.flops))
        lines.append(f"| {' | '.join((name, *cells, *last_moving(found, name)))} |")
        if name in {"resnet18", "googlenet"}:
            depth = {"resnet18": 2, "googlenet": 1}[name]
            table = str(found.collapsed(depth)).partition("\nnot used")[0]
            tables.append(f"## {name}, whole modules for layers\n\n```text\n{table}\n```\n")
        if name == "googlenet":
            draw_block(found, "inception3a", HERE / "images" / "inception-3a.svg")
    page = INTRODUCTION + "\n".join(lines) + "\n\n" + "\n".join(tables)
    page += "\n## A block of GoogLeNet, drawn\n\n![Inception 3a](images/inception-3a.svg)\n"
    (HERE / "describing.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
