"""Our own networks, by name."""

from __future__ import annotations

from netwright._catalogue import Entry

__all__ = ["OURS"]

OURS = (
    Entry(
        name="linear",
        target="netwright.models.classifiers.linear:Linear",
        summary="one linear layer: linear, ridge, lasso and logistic regression",
        paper="The regression analysis of binary sequences, 1958, "
        "https://doi.org/10.1111/j.2517-6161.1958.tb00292.x",
    ),
    Entry(
        name="perceptron",
        target="netwright.models.classifiers.perceptron:Perceptron",
        summary="Rosenblatt's perceptron: one layer that starts at zero, on what comes in or on "
        "fixed random units; its rule is the output unit binary-perceptron or classes-perceptron",
        paper="The perceptron: a probabilistic model for information storage and organization in "
        "the brain, 1958, https://doi.org/10.1037/h0042519",
        facts={
            "differs": "the threshold of the answer is in the output unit; without association "
            "units it looks at the inputs themselves",
        },
    ),
    Entry(
        name="mlp",
        target="netwright.models.classifiers.mlp:MLP",
        summary="multi-layer perceptron, for tables",
        paper="Learning representations by back-propagating errors, 1986, "
        "https://doi.org/10.1038/323533a0",
        facts={
            "differs": "ReLU by default; the paper's logistic function is activation=sigmoid",
        },
    ),
    Entry(
        name="lenet",
        target="netwright.models.classifiers.lenet:LeNet",
        summary="LeNet-5 in the modern reading, for pictures from 16 pixels",
        paper="Gradient-Based Learning Applied to Document Recognition, 1998, "
        "https://doi.org/10.1109/5.726791",
        facts={
            "smallest": 16,
            "parameters": 61706,
            "differs": "ReLU, max pooling and a linear output for the scaled tanh, trained "
            "averages and radial basis functions; every map of the second convolution "
            "sees all six below it",
        },
    ),
    Entry(
        name="small-resnet",
        target="netwright.models.classifiers.small_resnet:SmallResNet",
        summary="small residual network (ResNet), for pictures of 8 to 64 pixels",
        paper="Deep Residual Learning for Image Recognition, 2015, "
        "https://arxiv.org/abs/1512.03385",
        facts={
            "smallest": 1,
            "differs": "fewer and narrower stages, a 3x3 stem without pooling, a 1x1 convolution "
            "wherever the shape changes, the last scale of each branch starts at zero",
        },
    ),
    Entry(
        name="alexnet",
        target="netwright.models.classifiers.alexnet:AlexNet",
        summary="AlexNet as published: local response norm, two groups, overlapping pooling",
        paper="ImageNet Classification with Deep Convolutional Neural Networks, 2012, "
        "https://doi.org/10.1145/3065386",
        facts={
            "smallest": 63,
            "parameters": 60965224,
            "differs": "two pixels of padding before the first convolution, without which 224 "
            "pixels do not give its 55x55; torch's start for a normal law with some "
            "biases at 1",
        },
    ),
    Entry(
        name="shufflenet-v1",
        target="netwright.models.classifiers.shufflenet_v1:ShuffleNetV1",
        summary="ShuffleNet, the first version: 1x1 convolutions in groups, shuffled channels",
        paper="ShuffleNet: An Extremely Efficient Convolutional Neural Network for Mobile Devices, "
        "2017, https://arxiv.org/abs/1707.01083",
        facts={
            "smallest": 1,
            "parameters": 1865728,
            "differs": "not at scale 1; how the first convolution scales is left open there and "
            "taken from the stated costs; torch's start",
        },
    ),
    Entry(
        name="inception-resnet-v1",
        target="netwright.models.classifiers.inception_resnet_v1:InceptionResNetV1",
        summary="Inception-ResNet, the first version: inception blocks with residual connections",
        paper="Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning, "
        "2016, https://arxiv.org/abs/1602.07261",
        facts={
            "smallest": 75,
            "parameters": 22756328,
            "differs": "scales 0.17, 0.1 and 0.2 of the authors' later code, where the paper says "
            "0.1 to 0.3; torch's start",
        },
    ),
    Entry(
        name="convnet",
        target="netwright.models.classifiers.convnet:ConvNet",
        summary="small convolutional network of the block, pooling and norm that you choose",
    ),
    Entry(
        name="capsnet",
        target="netwright.models.classifiers.capsnet:CapsNet",
        summary="capsules with routing by agreement; learns by the method capsules",
        paper="Dynamic Routing Between Capsules, 2017, https://arxiv.org/abs/1710.09829",
        facts={
            "smallest": 17,
            "parameters": 6_804_224,
            "differs": "gradients go through all rounds of routing, which the paper leaves open; "
            "the decoder is the method's",
        },
    ),
    Entry(
        name="googlenet",
        target="netwright.models.classifiers.googlenet:GoogLeNet",
        summary="GoogLeNet of the paper, with local response norm and its auxiliary classifiers",
        paper="Going Deeper with Convolutions, 2014, https://arxiv.org/abs/1409.4842",
        facts={
            "smallest": 31,
            "multiple": 1,
            "parameters": 13378280,
            "differs": "not in the layers; the local response norm's numbers (AlexNet's) and the "
            "start (Kaiming's) are left open there",
        },
    ),
    Entry(
        name="vit",
        target="netwright.models.classifiers.vit:ViT",
        summary="vision transformer (ViT) of any patch, width, depth and heads; ViT-B/16",
        paper="An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale, 2020, "
        "https://arxiv.org/abs/2010.11929",
        facts={
            "smallest": 16,
            "multiple": 16,
            "parameters": 86567656,
            "differs": "no hidden layer in the head, which the paper has while it pretrains",
        },
    ),
    Entry(
        name="cell-network",
        target="netwright.models.classifiers.cell_network:CellNetwork",
        summary="stacked cells, each a small graph of operations that a search can choose",
        paper="NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search, "
        "2020, https://arxiv.org/abs/2001.00326",
        facts={
            "smallest": 1,
            "differs": "one cell a stage and 8 channels for 5 and 16; between the stages He's "
            "residual block, where the paper averages 2x2 pixels in the shortcut; the "
            "stem halves pictures of 24 pixels and more",
        },
    ),
)
