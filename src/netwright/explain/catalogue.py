"""Every method of explanation by name.

A method with the fact `gives="map"` is called as `method(model, inputs, target=…)` with tensors as
the model takes them, and gives numbers of the inputs' shape (n, c, h, w), or one map a picture
(n, h, w): it can be drawn in a panel and judged beside the others. One with the fact
`gives="picture"` has in `drawn_by` a function of the same arguments that gives a picture (PIL).
"""

from __future__ import annotations

from netwright._catalogue import Catalogue, Entry

__all__ = ["CATALOGUE"]

_DEEP_INSIDE = (
    "Deep Inside Convolutional Networks: Visualising Image Classification Models and Saliency "
    "Maps, 2013, https://arxiv.org/abs/1312.6034"
)
_AXIOMATIC = "Axiomatic Attribution for Deep Networks, 2017, https://arxiv.org/abs/1703.01365"

_GRAD_CAM = (
    "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization, 2016, "
    "https://arxiv.org/abs/1610.02391"
)


def _drawn(name: str, summary: str, *, paper: str = "", drawing: str = "pictures") -> Entry:
    """A method of the model itself, which has a drawing of its own."""
    file = name.replace("-", "_")
    facts = {"gives": "picture", "drawn_by": f"netwright.explain.drawing.{drawing}:draw_{file}"}
    target = f"netwright.explain.{file}:{file}"
    return Entry(name=name, target=target, summary=summary, paper=paper, facts=facts)


CATALOGUE = Catalogue(
    "explanation",
    (
        Entry(
            name="gradient",
            target="netwright.explain.gradient:gradient",
            summary="derivative of the score by every number of the input",
            facts={"gives": "map"},
        ),
        Entry(
            name="saliency",
            target="netwright.explain.saliency:saliency",
            summary="size of the score's derivative by each pixel, the largest over its colours",
            paper=_DEEP_INSIDE,
            facts={"gives": "map"},
        ),
        Entry(
            name="occlusion",
            target="netwright.explain.occlusion:occlusion",
            summary="how much the class's log probability falls while a window covers each place",
            paper="Visualizing and Understanding Convolutional Networks, 2013, "
            "https://arxiv.org/abs/1311.2901",
            facts={"gives": "map"},
        ),
        Entry(
            name="neighbours",
            target="netwright.explain.neighbours:neighbours",
            summary="the examples that the model finds most like an input",
            paper="ImageNet Classification with Deep Convolutional Neural Networks, 2012, "
            "https://doi.org/10.1145/3065386",
            facts={"gives": "examples"},
        ),
        Entry(
            name="approximate-neighbours",
            target="netwright.explain.approximate_neighbours:ApproximateNeighbours",
            summary="neighbours among very many examples, with the recall that was measured",
            paper="Efficient and Robust Approximate Nearest Neighbor Search Using Hierarchical "
            "Navigable Small World Graphs, 2016, https://arxiv.org/abs/1603.09320",
            facts={"gives": "examples"},
        ),
        Entry(
            name="prototypes",
            target="netwright.explain.prototypes:prototypes",
            summary="the examples of each class that are nearest to its mean in the features",
            facts={"gives": "examples"},
        ),
        Entry(
            name="feature-matching",
            target="netwright.explain.feature_matching:feature_matching",
            summary="places of two pictures that look alike to a layer",
            paper="Do Convnets Learn Correspondence?, 2014, https://arxiv.org/abs/1411.1091",
            facts={"gives": "matches"},
        ),
        Entry(
            name="guided-backprop",
            target="netwright.explain.guided_backprop:guided_backprop",
            summary="gradient along active units that raise the score; networks of ReLUs",
            paper=(
                "Striving for Simplicity: The All Convolutional Net, 2014, "
                "https://arxiv.org/abs/1412.6806"
            ),
            facts={"gives": "map"},
        ),
        Entry(
            name="deconvnet",
            target="netwright.explain.deconvnet:deconvnet",
            summary="what a class or one unit of a layer responded to, projected back by switches",
            paper=(
                "Visualizing and Understanding Convolutional Networks, 2013, "
                "https://arxiv.org/abs/1311.2901"
            ),
            facts={"gives": "map"},
        ),
        Entry(
            name="integrated-gradients",
            target="netwright.explain.integrated_gradients:integrated_gradients",
            summary="what each number of the input adds to the score, against a baseline's",
            paper=_AXIOMATIC,
            facts={"gives": "map", "adds_up": True},
        ),
        Entry(
            name="smoothgrad",
            target="netwright.explain.smoothgrad:smoothgrad",
            summary="gradient averaged over noisy copies of the input",
            paper=(
                "SmoothGrad: removing noise by adding noise, 2017, https://arxiv.org/abs/1706.03825"
            ),
            facts={"gives": "map"},
        ),
        Entry(
            name="completeness",
            target="netwright.explain.trials.completeness:completeness",
            summary="how far the sum of a map is from the difference of scores it shares out",
            paper=_AXIOMATIC,
            facts={"gives": "score"},
        ),
        Entry(
            name="texture-or-shape",
            target="netwright.explain.texture_or_shape:texture_or_shape",
            summary="which of the two decides where they speak for different classes",
            paper="ImageNet-trained CNNs Are Biased Towards Texture, 2018, "
            "https://arxiv.org/abs/1811.12231",
            facts={"gives": "share"},
        ),
        Entry(
            name="style-transfer",
            target="netwright.explain.style_transfer:style_transfer",
            summary="a picture painted anew in the texture of another",
            paper="Image Style Transfer Using Convolutional Neural Networks, 2016, "
            "https://doi.org/10.1109/CVPR.2016.265",
            facts={"gives": "pictures"},
        ),
        Entry(
            name="pointing-game",
            target="netwright.explain.trials.localisation:pointing_game",
            summary="is the largest point of a map on what is marked, within a tolerance?",
            paper="Top-down Neural Attention by Excitation Backprop, 2016, "
            "https://arxiv.org/abs/1608.00507",
            facts={"gives": "score"},
        ),
        Entry(
            name="mask-overlap",
            target="netwright.explain.trials.localisation:mask_overlap",
            summary="how much of a map lies on what is marked, and covers it",
            paper="Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural "
            "Networks, 2020, https://arxiv.org/abs/1910.01279",
            facts={"gives": "score"},
        ),
        Entry(
            name="grad-cam",
            target="netwright.explain.grad_cam:grad_cam",
            summary="a layer's maps weighed by their mean gradient: where they speak for the class",
            paper=_GRAD_CAM,
            facts={"gives": "map"},
        ),
        Entry(
            name="guided-grad-cam",
            target="netwright.explain.guided_grad_cam:guided_grad_cam",
            summary="edges of guided backpropagation, where Grad-CAM sees the class",
            paper=_GRAD_CAM,
            facts={"gives": "map"},
        ),
        Entry(
            name="cam",
            target="netwright.explain.cam:cam",
            summary="class activation map: the pooled maps weighed as the linear layer weighs them",
            paper="Learning Deep Features for Discriminative Localization, 2015, "
            "https://arxiv.org/abs/1512.04150",
            facts={"gives": "map"},
        ),
        Entry(
            name="attention-maps",
            target="netwright.explain.attention_maps:attention_maps",
            summary="how much each query takes from each key, by layer and head",
            paper="Attention Is All You Need, 2017, https://arxiv.org/abs/1706.03762",
            facts={"gives": "attention"},
        ),
        Entry(
            name="attention-rollout",
            target="netwright.explain.attention_rollout:attention_rollout",
            summary="the attentions of all layers multiplied: where the class token draws from",
            paper="Quantifying Attention Flow in Transformers, 2020, "
            "https://arxiv.org/abs/2005.00928",
            facts={"gives": "map"},
        ),
        Entry(
            name="random-map",
            target="netwright.explain.random_map:random_map",
            summary="numbers drawn at random: the control that an explanation has to beat",
            facts={"gives": "map"},
        ),
        _drawn("filters", "kernels of a convolution, as pictures of what each looks for"),
        _drawn("weights", "weights of a linear layer, as pictures of what each unit adds up"),
        _drawn("feature-maps", "what each channel of a layer answers, place by place"),
        _drawn(
            "histograms",
            "spread of weights, activations and gradients, with zeros, dead units and NaN",
            drawing="histograms",
        ),
        _drawn(
            "activation-maximisation",
            "picture that a class, or a unit of any layer, answers to most",
            paper="Visualizing Higher-Layer Features of a Deep Network, Erhan et al. 2009; "
            f"{_DEEP_INSIDE}; Feature Visualization, Olah et al. 2017, "
            "https://distill.pub/2017/feature-visualization",
        ),
        Entry(
            name="deletion",
            target="netwright.explain.trials.deletion:deletion",
            summary="takes away what a map calls important: how soon does the answer go?",
            paper="RISE: Randomized Input Sampling for Explanation of Black-box Models, 2018, "
            "https://arxiv.org/abs/1806.07421",
            facts={"gives": "score"},
        ),
        Entry(
            name="insertion",
            target="netwright.explain.trials.insertion:insertion",
            summary="reveals what a map calls important: how soon does the answer come?",
            paper="RISE: Randomized Input Sampling for Explanation of Black-box Models, 2018, "
            "https://arxiv.org/abs/1806.07421",
            facts={"gives": "score"},
        ),
        Entry(
            name="parameter-randomisation",
            target="netwright.explain.trials.parameter_randomisation:parameter_randomisation",
            summary="does a map change when the model's layers are drawn anew, from the output on?",
            paper="Sanity Checks for Saliency Maps, 2018, https://arxiv.org/abs/1810.03292",
            facts={"gives": "score"},
        ),
        Entry(
            name="layer-randomisation",
            target="netwright.explain.trials.layer_randomisation:layer_randomisation",
            summary="does a map change when one layer of the model is drawn anew?",
            paper="Sanity Checks for Saliency Maps, 2018, https://arxiv.org/abs/1810.03292",
            facts={"gives": "score"},
        ),
        Entry(
            name="label-randomisation",
            target="netwright.explain.trials.label_randomisation:label_randomisation",
            summary="does a map differ from that of a twin trained on shuffled labels?",
            paper="Sanity Checks for Saliency Maps, 2018, https://arxiv.org/abs/1810.03292",
            facts={"gives": "score"},
        ),
        Entry(
            name="fragility",
            target="netwright.explain.trials.fragility:fragility",
            summary="how far a map moves while the picture looks the same and the answer stays",
            paper="Interpretation of Neural Networks Is Fragile, 2017, https://arxiv.org/abs/1710.10547",
            facts={"gives": "score"},
        ),
        Entry(
            name="shift-invariance",
            target="netwright.explain.trials.shift_invariance:shift_invariance",
            summary="is a model that takes a shift of its inputs back explained in the same way?",
            paper="The (Un)reliability of Saliency Methods, 2017, https://arxiv.org/abs/1711.00867",
            facts={"gives": "score"},
        ),
        Entry(
            name="judge",
            target="netwright.explain.trials.judge:judge",
            summary="ranks all methods for one model by how far their maps are to be trusted",
            facts={"gives": "score"},
        ),
    ),
)
