"""What `techniques.py` runs: each technique with its setting, and the rival it has to beat.

A rival is a constant (the best answer that does not look at the inputs), or the same run without
the technique. Settings are chosen for speed, and for a place where the technique is meant to
matter: few examples for augmentation, a network that is too sure of itself for label smoothing.
Where a technique allows another learning rate, both sides choose theirs by the validation split.
Settings of preprocessing and augmentation are second ones or later: what the first gave, where
there was no gain, stands in the notes of docs/coverage.toml.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["TECHNIQUES", "Technique"]

Changes = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Technique:
    """One row of the results.

    Attributes:
        row: name in docs/coverage.toml.
        data: a built-in set, a table of `_real_tables`, or `SET/FOLDER` of a fetched one.
        metric: of the test split.
        setting: of the run, as `--set` takes it.
        rival: in words.
        without: what the rival changes of the setting; None for the constant.
        rates: of learning, from which both sides choose by the validation split.
        seeds: more than three where the gain is small beside the spread.
    """

    row: str
    data: str
    metric: str
    setting: Changes
    rival: str
    without: Changes | None = None
    rates: tuple[float, ...] = ()
    seeds: int = 3


def _mlp(*, hidden: Sequence[int] = (64,), **options: object) -> str:
    more = "".join(f", {name}: {value}" for name, value in options.items())
    return f"model={{name: mlp, hidden: {list(hidden)}{more}}}"


def _lenet(side: int) -> Changes:
    return ("model={name: lenet}", f"data.image_size={side}")


def _sgd(rate: float, **options: object) -> str:
    chosen = {"momentum": 0.0, "weight_decay": 0.0, **options}
    return f"optimizer={{name: sgd, learning_rate: {rate}, {_flow(chosen)}}}"


def _flow(options: Mapping[str, object]) -> str:
    return ", ".join(f"{name}: {str(value).lower()}" for name, value in options.items())


def _loop(*, epochs: int, batch_size: int | None = None) -> Changes:
    size = () if batch_size is None else (f"training.batch_size={batch_size}",)
    return (f"training.epochs={epochs}", *size)


_CONSTANT = "schedule={name: constant}"
_LAST = "training.restore_best=false"
_PLAIN = "augment=[]"
_HALF = "split.test=0.5"
_UNTOLD = {
    "accuracy": "majority class",
    "micro_f1": "labels of more than half",
    "average_precision": "share of each label",
    "quadratic_kappa": "majority class",
    "poisson_deviance": "mean count",
    "root_mean_squared_error": "mean",
    "mean_absolute_error": "median",
    "pinball": "quantiles of the target",
}


def _over_constant(row: str, data: str, metric: str, *setting: str) -> Technique:
    return Technique(row=row, data=data, metric=metric, setting=setting, rival=_UNTOLD[metric])


def _preprocessing() -> Iterator[Technique]:
    pixels = (_mlp(), _PLAIN, _sgd(0.05), _CONSTANT, *_loop(epochs=5, batch_size=32))
    kinds = {
        "mean picture": "mean-picture",
        "per-channel mean": "channel-mean",
        "per-channel mean and std": "channel-mean-std",
    }
    none = ("preprocess={name: none}",)
    for row, kind in kinds.items():
        yield Technique(
            row=row,
            data="digits",
            metric="log_loss",
            setting=(*pixels, f"preprocess={{name: {kind}}}"),
            rival="no preprocessing",
            without=none,
            rates=(0.05, 0.2, 0.8, 3.2),
        )
    yield Technique(
        row="standardised columns",
        data="wine",
        metric="accuracy",
        setting=("preprocess={name: standardise}", *_loop(epochs=20)),
        rival="no preprocessing",
        without=none,
    )


def _output_units() -> Iterator[Technique]:
    short = _loop(epochs=40)
    yield _over_constant(
        "binary: sigmoid + binary cross-entropy", "breast-cancer", "accuracy", *short
    )
    labels = ",".join(f"Class{number}" for number in range(1, 15))
    for metric in ("average_precision", "micro_f1"):
        yield _over_constant(
            "multi-label: sigmoid + binary cross-entropy",
            "yeast",
            metric,
            f"data.target={labels}",
            *_loop(epochs=10),
        )
    yield _over_constant("classes: softmax + cross-entropy", "iris", "accuracy", *short)
    yield _over_constant(
        "ordinal", "diabetes-thirds", "quadratic_kappa", "data.kind=ordinal", *short
    )
    yield _over_constant(
        "counts: Poisson", "solar-flares", "poisson_deviance", "data.kind=counts", *short
    )
    yield _over_constant("real: MSE", "diabetes", "root_mean_squared_error", *short)
    yield _over_constant("quantiles", "diabetes", "pinball", "data.kind=quantiles", *short)
    yield _over_constant(
        "regression as bins and back",
        "diabetes",
        "root_mean_squared_error",
        "data.kind=bins",
        *short,
    )
    for data, unit in (("breast-cancer", "binary-hinge"), ("wine", "classes-hinge")):
        yield _over_constant("hinge", data, "accuracy", f"method.unit={unit}", *short)
    for row, unit in (("MAE", "real-absolute"), ("Huber", "real-huber")):
        yield _over_constant(row, "diabetes", "mean_absolute_error", f"method.unit={unit}", *short)


def _variance() -> Iterator[Technique]:
    yield Technique(
        row="real: Gaussian NLL",
        data="diabetes",
        metric="gaussian_nll",
        setting=("method.unit=gaussian", *_loop(epochs=40)),
        rival="one variance for all",
        without=("method.unit=gaussian-shared",),
        seeds=5,
    )


def _initialisations() -> Iterator[Technique]:
    momentum = _sgd(0.02, momentum=0.9)
    common = (_PLAIN, momentum, _CONSTANT, *_loop(epochs=10, batch_size=32))
    gentle = (*common, _sgd(0.005, momentum=0.9))  # at 0.02 one seed of Kaiming's breaks down
    for row, name in (("zeros", "zeros"), ("constant weights", "constant")):
        linear = (_mlp(hidden=()), *common, f"initialise={name}")
        yield _over_constant(row, "digits", "accuracy", *linear)
    old, zeros = "initialise=heuristic-uniform", "initialise=zeros"
    for row, hidden, activation, law, rival, without in (
        ("plain random", 1, "tanh", "normal", "zeros", zeros),
        ("old heuristic U(±1/√n)", 2, "tanh", "heuristic-uniform", "zeros", zeros),
        ("LeCun normal", 20, "tanh", "lecun-normal", "the old heuristic", old),
        ("Xavier uniform", 20, "tanh", "xavier-uniform", "the old heuristic", old),
        ("Xavier normal", 20, "tanh", "xavier-normal", "the old heuristic", old),
        ("orthogonal", 20, "tanh", "orthogonal", "the old heuristic", old),
        ("Kaiming normal", 20, "relu", "kaiming-normal", "Xavier", "initialise=xavier-normal"),
        ("LSUV", 20, "relu", "lsuv", "Xavier", "initialise=xavier-normal"),
    ):
        yield Technique(
            row=row,
            data="digits",
            metric="log_loss",
            setting=(
                _mlp(hidden=(64,) * hidden, activation=activation),
                *(gentle if activation == "relu" else common),
                f"initialise={law}",
            ),
            rival=rival,
            without=(without,),
        )
    resnet = ("model={name: 'torchvision:resnet18'}", _PLAIN, _sgd(0.05, momentum=0.9), _CONSTANT)
    flares = ("data.kind=counts", _CONSTANT, _sgd(0.01, momentum=0.9), *_loop(epochs=1))
    for row, data, metric, setting, law in (
        (
            "residual-branch zero",
            "digits",
            "log_loss",
            (*resnet, _LAST, *_loop(epochs=3, batch_size=32)),
            "zero-residual",
        ),
        ("output bias = log prior", "solar-flares", "poisson_deviance", flares, "output-bias"),
    ):
        yield Technique(
            row=row,
            data=data,
            metric=metric,
            setting=(*setting, f"initialise={law}"),
            rival="the model's own start",
            without=("initialise=default",),
        )


def _activations() -> Iterator[Technique]:
    names = {"sigmoid": "sigmoid", "tanh": "tanh", "ReLU": "relu", "leaky ReLU": "leaky-relu"}
    names |= {"ELU": "elu", "GELU": "gelu", "SiLU": "silu"}
    adam = "optimizer={name: adamw, learning_rate: 0.005}"
    for row, activation in names.items():
        yield Technique(
            row=row,
            data="digits",
            metric="log_loss",
            setting=(_mlp(activation=activation), _PLAIN, adam, *_loop(epochs=15)),
            rival="no activation: a linear classifier",
            without=(_mlp(hidden=()),),
        )


def _optimisers() -> Iterator[Technique]:
    base = (_mlp(), _PLAIN, _CONSTANT)
    few = _loop(epochs=3, batch_size=32)
    yield _over_constant(
        "full-batch gradient descent",
        "digits",
        "accuracy",
        *base,
        _sgd(0.2),
        *_loop(epochs=100, batch_size=2000),
    )
    yield _over_constant(
        "SGD (one example)",
        "digits",
        "accuracy",
        *base,
        _sgd(0.01),
        *_loop(epochs=1, batch_size=1),
    )
    yield _over_constant("mini-batch", "digits", "accuracy", *base, _sgd(0.02), *few)
    averaged = "optimizer={name: moving-average-momentum, learning_rate: 0.1, momentum: 0.9}"
    yield _over_constant(
        "momentum v=αv+(1−α)g",
        "digits",
        "accuracy",
        *base,
        averaged,
        *few,
    )
    faster = {
        "momentum v=αv+g": _sgd(0.02, momentum=0.9),
        "Nesterov (published)": _sgd(0.02, momentum=0.9, nesterov=True),
        "Nesterov (look-ahead gradient)": (
            "optimizer={name: lookahead-nesterov, learning_rate: 0.02, momentum: 0.9}"
        ),
    }
    for row, optimizer in faster.items():
        yield Technique(
            row=row,
            data="digits",
            metric="log_loss",
            setting=(*base, optimizer, *few),
            rival="mini-batch SGD at the same rate",
            without=(_sgd(0.02),),
        )
    for row, name, rate in (
        ("AdaGrad", "adagrad", 0.01),
        ("RMSProp", "rmsprop", 0.001),
        ("Adam", "adam", 0.001),
        ("AdamW", "adamw", 0.001),
    ):
        optimizer = f"optimizer={{name: {name}, learning_rate: {rate}}}"
        yield _over_constant(row, "digits", "accuracy", *base, optimizer, *few)
    linear = (_mlp(hidden=()), _PLAIN, _CONSTANT, _LAST)
    yield Technique(
        row="L-BFGS",
        data="digits",
        metric="accuracy",
        setting=(
            *linear,
            "optimizer={name: lbfgs, learning_rate: 1.0, max_iter: 20}",
            *_loop(epochs=2, batch_size=2000),
        ),
        rival="gradient descent with as many evaluations",
        without=(_sgd(0.2), "training.epochs=40"),
    )


def _ways_to_a_minimum() -> Iterator[Technique]:
    """One problem for all: two columns of diabetes, so that a grid can cover the weights."""
    two = ("diabetes-two", "root_mean_squared_error")
    exact = "method={name: normal-equations}"
    yield _over_constant("normal equations", *two, exact)
    yield _over_constant("normal equations", "diabetes", "root_mean_squared_error", exact)
    grid = "method={name: grid-search, low: -1, high: 1, points: 41}"
    yield _over_constant("brute force on a grid", *two, grid)
    descent = ("model={name: linear}", _sgd(0.2), _CONSTANT, *_loop(epochs=60, batch_size=2000))
    yield _over_constant("greedy descent", *two, *descent)


def _by_layer() -> Iterator[Technique]:
    """Inputs that matter little are left out by L1 on the first layer alone."""
    adam = "optimizer={name: adamw, learning_rate: 0.003, weight_decay: 0.0}"
    rows = (_mlp(hidden=(128, 64)), adam, _CONSTANT, _LAST, *_loop(epochs=60, batch_size=32))
    for row, change, without in (
        ("L1 with exact zeros", "optimizer.l1=0.01", "optimizer.l1=0.0"),
        (
            "per-layer options",
            "optimizer.groups=[{match: 'linear*', l1: 0.01}, {match: 'head.*', weight_decay: 1.0}]",
            "optimizer.groups=[]",
        ),
    ):
        yield Technique(
            row=row,
            data="diabetes",
            metric="root_mean_squared_error",
            setting=(*rows, change),
            rival="the same without",
            without=(without,),
            seeds=5,
        )


def _newton() -> Iterator[Technique]:
    newton = "optimizer={name: truncated-newton, learning_rate: 1.0, cg_iterations: 10}"
    yield Technique(
        row="truncated Newton",
        data="digits",
        metric="accuracy",
        setting=(
            _mlp(hidden=(64, 64), activation="sigmoid"),
            _PLAIN,
            _CONSTANT,
            _LAST,
            newton,
            *_loop(epochs=15, batch_size=2000),
        ),
        rival="gradient descent with as many evaluations",
        without=(_sgd(0.2), "training.epochs=360"),  # 24 a step at most
    )


def _schedules() -> Iterator[Technique]:
    noisy = (_mlp(), _PLAIN, _sgd(0.1, momentum=0.9), _LAST, *_loop(epochs=10, batch_size=8))
    yield _over_constant("constant", "digits", "accuracy", *noisy, _CONSTANT)
    for row, schedule in (
        ("step", "{name: step-decay}"),
        ("exponential", "{name: exponential}"),
        ("cosine", "{name: cosine}"),
        ("warm-up", "{name: warm-up, share: 0.2, then: cosine}"),
        ("one-cycle", "{name: one-cycle}"),
        ("on plateau", "{name: on-plateau, metric: log_loss, patience: 1, factor: 0.3}"),
        ("cyclic restarts", "{name: cosine-restarts, cycles: 2}"),
    ):
        yield Technique(
            row=row,
            data="digits",
            metric="log_loss",
            setting=(*noisy, f"schedule={schedule}"),
            rival="the highest rate throughout",
            without=(_CONSTANT,),
        )


def _clipping() -> Iterator[Technique]:
    steep = (_mlp(hidden=(64, 64)), _sgd(0.5, momentum=0.9), _CONSTANT, *_loop(epochs=20))
    for row, bound in (("by value", "clip_value=0.01"), ("by global norm", "clip_norm=0.1")):
        yield Technique(
            row=f"clipping {row}",
            data="diabetes",
            metric="root_mean_squared_error",
            setting=(*steep, f"training.{bound}"),
            rival="no clipping",
            without=("training.clip_norm=null", "training.clip_value=null"),
        )


def _noise_and_restarts() -> Iterator[Technique]:
    narrow = (_mlp(hidden=(4,)), _PLAIN, _sgd(0.1, momentum=0.9), *_loop(epochs=5))
    yield Technique(
        row="random restarts",
        data="digits",
        metric="accuracy",
        setting=(*narrow, "training.restarts=5"),
        rival="the first start alone",
        without=("training.restarts=1",),
        seeds=8,
    )
    poor = "initialise=[{name: normal, deviation: 0.1}]"
    weak = (_mlp(hidden=(50,) * 10), _sgd(0.05), *_loop(epochs=8, batch_size=32))
    strong = (_mlp(hidden=(48,) * 12), _sgd(0.1), *_loop(epochs=20, batch_size=32))
    strong += ("training.clip_norm=10.0",)
    for deep, noise, seeds in ((weak, "{eta: 0.01}", 3), (strong, "{eta: 0.1}", 5)):
        yield Technique(
            row="gradient noise",
            data="digits",
            metric="accuracy",
            setting=(*deep, _PLAIN, _CONSTANT, poor, f"training.gradient_noise={noise}"),
            rival="the same without",
            without=("training.gradient_noise=null",),
            seeds=seeds,
        )


def _regularisation() -> Iterator[Technique]:
    adam = "optimizer={name: adamw, learning_rate: 0.003, weight_decay: 0.0}"
    wide = (_mlp(hidden=(256, 256)), _PLAIN, _HALF, adam, _LAST, *_loop(epochs=30, batch_size=32))
    rows = (_mlp(hidden=(128, 64)), adam, _CONSTANT, _LAST, *_loop(epochs=60, batch_size=32))
    short = (_mlp(), _PLAIN, _sgd(0.1, momentum=0.9), _CONSTANT, _LAST)
    short += _loop(epochs=5, batch_size=8)
    sure = (*_lenet(32), _PLAIN, "training.workers=0", _LAST, *_loop(epochs=30))
    for row, data, metric, setting, gain, loss in (
        (
            "L2 / weight decay",
            "diabetes",
            "root_mean_squared_error",
            rows,
            "optimizer.weight_decay=1.0",
            "optimizer.weight_decay=0.0",
        ),
        (
            "dropout as regulariser",
            "diabetes",
            "root_mean_squared_error",
            rows,
            _mlp(hidden=(128, 64), dropout=0.5),
            _mlp(hidden=(128, 64)),
        ),
        (
            "batch normalisation as regulariser",
            "digits",
            "log_loss",
            wide,
            _mlp(hidden=(256, 256), norm="batch"),
            _mlp(hidden=(256, 256)),
        ),
        *(
            (
                "label smoothing",
                data,
                "log_loss",
                setting,
                "method.label_smoothing=0.1",
                "method.label_smoothing=0.0",
            )
            for data, setting in (("digits", wide), ("emoji/noto", sure))
        ),
        (
            "EMA",
            "digits",
            "log_loss",
            short,
            "training.ema_decay=0.99",
            "training.ema_decay=null",
        ),
    ):
        yield Technique(
            row=row,
            data=data,
            metric=metric,
            setting=(*setting, gain),
            rival="the same without",
            without=(loss,),
        )
    yield from _stopping(rows)
    yield from _ensembling()


def _ensembling() -> Iterator[Technique]:
    """Members and averages against one network of the same training, judged by its laws."""
    few = (_HALF, "split.val=0.1")
    wide = _mlp(hidden=(128, 128), norm="batch")
    pixels = ("digits", (wide, _PLAIN, _sgd(0.05, momentum=0.9), *few))
    cells = ("breast-cancer", (_mlp(), _sgd(0.05, momentum=0.9), *few))
    large = (_mlp(hidden=(256, 256)), _PLAIN, "optimizer={name: adamw, learning_rate: 0.003}", *few)
    sure = ("digits", (*large, "training.epochs=60"))
    long = (*_loop(epochs=24, batch_size=32), _LAST)
    for row, (data, setting), gain, loss in (
        ("independent members", pixels, ("ensemble.members=5",), ("ensemble=null",)),
        ("independent members", cells, ("ensemble.members=5",), ("ensemble=null",)),
        *(
            (
                "snapshot ensemble",
                kind,
                ("ensemble={kind: snapshots, members: 5}",),
                ("ensemble=null", "schedule={name: cosine}"),
            )
            for kind in (pixels, sure)
        ),
        *(
            (
                "SWA",
                kind,
                ("training.swa_start=0.5", _CONSTANT),
                ("training.swa_start=null",),
            )
            for kind in (pixels, cells)
        ),
    ):
        yield Technique(
            row=row,
            data=data,
            metric="log_loss",
            setting=(*long, *setting, *gain),
            rival="one network of the same training",
            without=loss,
            seeds=5,
        )


def _stopping(rows: Changes) -> Iterator[Technique]:
    last = ("training.early_stopping=null", _LAST)
    best = "training.restore_best=true"
    stop = "training.early_stopping={{trigger: {}, epochs: {}, least: {}}}"
    for row, change in (
        ("early stopping: no change over n epochs", stop.format("no-change", 5, 0.0)),
        ("early stopping: a decrease over n epochs", stop.format("steady-decrease", 3, 0.0)),
        ("early stopping: average change over n epochs", stop.format("average-change", 5, 1.0)),
        ("best restore", "training.early_stopping=null"),
    ):
        yield Technique(
            row=row,
            data="diabetes",
            metric="root_mean_squared_error",
            setting=(*rows, change, best),
            rival="the last of 60 epochs",
            without=last,
        )


def _augmentations() -> Iterator[Technique]:
    cells = (*_lenet(48), "split.test=0.8", "training.workers=0", *_loop(epochs=40))
    digits = (*_lenet(16), _HALF, _LAST, *_loop(epochs=60))
    for row, data, setting, step in (
        ("flip", "elpv/mono", cells, "{name: flip}"),
        ("colour", "elpv/mono", cells, "{name: brightness-contrast}"),
        ("rotate", "digits", digits, "{name: rotate-scale, degrees: 15, scale: 0}"),
        ("scale", "digits", digits, "{name: rotate-scale, degrees: 0, scale: 0.15}"),
        ("shift", "digits", digits, "{name: shift, fraction: 0.06}"),
        ("cut-out", "digits", digits, "{name: cutout, fraction: 0.3}"),
    ):
        yield Technique(
            row=row,
            data=data,
            metric="log_loss",
            setting=(*setting, f"augment=[{step}]"),
            rival="no augmentation",
            without=(_PLAIN,),
            seeds=8 if data == "digits" else 3,
        )
    few = (*_lenet(16), "split.test=0.75", _LAST, *_loop(epochs=80))
    for row, step in (
        ("crop", "{name: random-crop, padding: 1}"),
        ("elastic warp", "{name: elastic}"),
        ("mix-up", "{name: mixup, alpha: 0.4}"),
        ("cut-mix", "{name: cutmix, probability: 0.5}"),
    ):
        yield Technique(
            row=row,
            data="digits",
            metric="log_loss",
            setting=(*few, f"augment=[{step}]"),
            rival="no augmentation",
            without=(_PLAIN,),
            seeds=5,
        )


def _own_architectures() -> Iterator[Technique]:
    """Networks that no library keeps as published, on enlarged digits."""
    rule = ("model={name: perceptron}", _sgd(1.0), _CONSTANT, *_loop(epochs=10, batch_size=1))
    for data, unit in (("breast-cancer", "binary-perceptron"), ("digits", "classes-perceptron")):
        plain = (_PLAIN,) if data == "digits" else ()
        yield _over_constant("perceptron", data, "accuracy", *rule, *plain, f"method.unit={unit}")
    few = (_PLAIN, "training.workers=0", _HALF)
    adam = "optimizer={{name: adamw, learning_rate: {}}}"
    for row, model, side, rate, epochs in (
        ("AlexNet", "alexnet", 64, 0.0003, 4),
        ("ShuffleNet v1", "shufflenet-v1", 32, 0.003, 6),
        ("Inception-ResNet v1", "inception-resnet-v1", 75, 0.001, 2),
    ):
        setting = (f"model={{name: {model}}}", f"data.image_size={side}", adam.format(rate))
        loop = _loop(epochs=epochs, batch_size=16)
        yield _over_constant(row, "digits", "accuracy", *setting, *loop, *few)


def _architectures() -> Iterator[Technique]:
    yield from _own_architectures()
    yield _over_constant("MLP", "digits", "accuracy", _mlp(), _PLAIN, *_loop(epochs=10))
    yield _over_constant("LeNet", "digits", "accuracy", *_lenet(16), *_loop(epochs=10))
    yield _over_constant("ResNet (basic)", "digits", "accuracy", *_loop(epochs=4))
    pictures = ("data.image_size=32", "training.workers=0", *_loop(epochs=5))
    for name in ("torchvision:resnet18", "timm:resnet10t"):
        model = f"model={{name: '{name}'}}"
        yield _over_constant("ResNet (basic)", "emoji/noto", "accuracy", model, *pictures)


def _library_networks() -> Iterator[Technique]:
    """Half of the digits, enlarged no more than the network needs, and a few passes."""
    rates = {"VGG": "{name: adamw, learning_rate: 0.0002}"}
    rates |= {"SqueezeNet": "{name: adamw, learning_rate: 0.001}"}
    for row, model, side, epochs in (
        ("VGG", "vgg11", 32, 3),
        ("ResNet (bottleneck)", "resnet50", 16, 5),
        ("Wide-ResNet", "wide-resnet", 16, 2),
        ("ResNeXt", "resnext", 16, 3),
        ("DenseNet", "densenet", 32, 3),
        ("SE-Net", "se-resnet18", 16, 5),
        ("Xception", "xception", 16, 3),
        ("MobileNet v1", "mobilenet-v1", 16, 8),
        ("MobileNet v2", "mobilenet-v2", 16, 8),
        ("ShuffleNet v2", "shufflenet-v2", 16, 8),
        ("SqueezeNet", "squeezenet", 24, 25),
        ("Inception-ResNet v2", "inception-resnet-v2", 75, 3),
    ):
        yield _over_constant(
            row,
            "digits",
            "accuracy",
            f"model={{name: {model}}}",
            f"data.image_size={side}",
            f"optimizer={rates.get(row, '{name: adamw, learning_rate: 0.001}')}",
            _HALF,
            _PLAIN,
            "training.workers=0",
            *_loop(epochs=epochs, batch_size=32),
        )


def _vision_transformer() -> Iterator[Technique]:
    model = "model={name: vit, patch: 2, width: 48, depth: 3, heads: 4}"
    yield _over_constant("ViT", "digits", "accuracy", model, *_loop(epochs=10))


def _classifiers_halfway() -> Iterator[Technique]:
    lights = (
        "model={name: googlenet}",
        "data.image_size=32",
        "optimizer.learning_rate=0.0007",
        "training.workers=0",
        *_loop(epochs=3),
    )
    learned_along = (*lights, "method={name: auxiliary-heads}")
    data = "traffic-lights/train"
    yield _over_constant("GoogLeNet", data, "accuracy", *learned_along)
    yield Technique(
        row="GoogLeNet",
        data=data,
        metric="log_loss",
        setting=learned_along,
        rival="the main classifier alone",
        without=("method={name: supervised}",),
    )


def _layers() -> Iterator[Technique]:
    loop = (_PLAIN, "optimizer={name: adamw, learning_rate: 0.005}", *_loop(epochs=10))
    for row, options, without, rival in (
        ("linear", "mlp, hidden: []", None, ""),
        ("embedding", "block: attention-absolute", "block: attention", "no place"),
        (
            "convolution: same, full, valid, stride, dilation, groups",
            "block: plain",
            "mlp, hidden: []",
            "a linear classifier",
        ),
        ("depthwise-separable convolution", "block: separable", "block: plain", "convolution"),
        (
            "transposed convolution",
            "block: hourglass-transposed",
            "block: hourglass-nearest",
            "nearest upsampling",
        ),
        ("max pooling", "pool: max", "pool: mean", "mean pooling"),
        ("mean pooling", "pool: mean", "pool: max", "max pooling"),
        ("median pooling", "pool: median", "pool: max", "max pooling"),
        (
            "max-unpooling with switches",
            "block: hourglass-unpooling",
            "block: hourglass-nearest",
            "nearest upsampling",
        ),
        ("global average pooling", "pool: max", "mlp, hidden: []", "a linear classifier"),
        ("nearest upsampling", "block: hourglass-nearest", "block: plain", "convolution"),
        ("bilinear upsampling", "block: hourglass-bilinear", "block: plain", "convolution"),
        ("batch normalisation", "norm: batch", "norm: none", "no norm"),
        ("local response normalisation", "norm: local-response", "norm: none", "no norm"),
        ("dropout", "dropout: 0.2", "dropout: 0.0", "no dropout"),
        ("residual block", "block: residual", "block: plain", "convolution"),
        ("bottleneck block", "block: bottleneck", "block: plain", "convolution"),
        ("inception block", "block: inception", "block: plain", "convolution"),
        ("dense block", "block: dense", "block: plain", "convolution"),
        ("squeeze-excite block", "block: squeeze-excite", "block: plain", "convolution"),
        (
            "attention with absolute position",
            "block: attention-absolute",
            "block: attention",
            "no position",
        ),
        (
            "attention with relative position",
            "block: attention-relative",
            "block: attention",
            "no position",
        ),
    ):
        yield _over_constant(row, "digits", "accuracy", _convnet(options), *loop)
        if without is not None:
            yield Technique(
                row=row,
                data="digits",
                metric="log_loss",
                setting=(_convnet(options), *loop),
                rival=rival,
                without=(_convnet(without),),
            )


def _transfer() -> Iterator[Technique]:
    """Weights of ImageNet, against the majority and against the same without any training."""
    row, data = "frozen features and a head", "emoji/noto"
    setting = (
        "method=frozen-features",
        "model={name: resnet18, pretrained: resnet18}",
        "data.image_size=64",
        *_loop(epochs=30, batch_size=32),
    )
    yield _over_constant(row, data, "accuracy", *setting)
    yield Technique(
        row=row,
        data=data,
        metric="accuracy",
        setting=setting,
        rival="a head on random features",
        without=("model={name: resnet18, pretrained: false}", "preprocess=channel-mean-std"),
    )


def _convnet(options: str) -> str:
    name = "" if options.startswith("mlp") else "convnet, "
    return f"model={{name: {name}{options}}}"


def _all() -> Iterator[Technique]:
    yield from _preprocessing()
    yield from _output_units()
    yield from _variance()
    yield from _initialisations()
    yield from _activations()
    yield from _optimisers()
    yield from _ways_to_a_minimum()
    yield from _by_layer()
    yield from _newton()
    yield from _schedules()
    yield from _clipping()
    yield from _noise_and_restarts()
    yield from _regularisation()
    yield from _augmentations()
    yield from _architectures()
    yield from _library_networks()
    yield from _vision_transformer()
    yield from _classifiers_halfway()
    yield from _layers()
    yield from _transfer()


TECHNIQUES = tuple(_all())
