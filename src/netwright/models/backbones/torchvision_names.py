"""The classifiers that torchvision keeps, by name: known without importing it."""

from __future__ import annotations

from netwright.models.backbones.family import Family, any_size, entries_of, multiples

__all__ = ["ENTRIES"]

_FAMILIES = (
    Family(
        "AlexNet, the one-tower version, without local response norm",
        "One weird trick for parallelizing convolutional neural networks, 2014, "
        "https://arxiv.org/abs/1404.5997",
        any_size(63, alexnet=61100840),
        "the sequel's: one tower, fewer channels than in 2012, no local response norm",
    ),
    Family(
        "ConvNeXt, a convolutional network with a transformer's proportions",
        "A ConvNet for the 2020s, 2022, https://arxiv.org/abs/2201.03545",
        any_size(
            32,
            convnext_tiny=28589128,
            convnext_small=50223688,
            convnext_base=88591464,
            convnext_large=197767336,
        ),
    ),
    Family(
        "DenseNet, each layer sees all before it",
        "Densely Connected Convolutional Networks, 2016, https://arxiv.org/abs/1608.06993",
        any_size(
            29,
            densenet121=7978856,
            densenet161=28681000,
            densenet169=14149480,
            densenet201=20013928,
        ),
    ),
    Family(
        "EfficientNet, depth, width and resolution scaled together",
        "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, 2019, "
        "https://arxiv.org/abs/1905.11946",
        any_size(
            1,
            efficientnet_b0=5288548,
            efficientnet_b1=7794184,
            efficientnet_b2=9109994,
            efficientnet_b3=12233232,
            efficientnet_b4=19341616,
            efficientnet_b5=30389784,
            efficientnet_b6=43040704,
            efficientnet_b7=66347960,
        ),
    ),
    Family(
        "EfficientNetV2, quicker to train",
        "EfficientNetV2: Smaller Models and Faster Training, 2021, "
        "https://arxiv.org/abs/2104.00298",
        any_size(
            1,
            efficientnet_v2_s=21458488,
            efficientnet_v2_m=54139356,
            efficientnet_v2_l=118515272,
        ),
    ),
    Family(
        "GoogLeNet (Inception v1) with batch norm; without its auxiliary heads",
        "Going Deeper with Convolutions, 2014, https://arxiv.org/abs/1409.4842",
        any_size(15, googlenet=6624904),
        "batch norm for local response norm, 3x3 convolutions for the paper's 5x5, no auxiliaries",
    ),
    Family(
        "Inception v3; without its auxiliary head",
        "Rethinking the Inception Architecture for Computer Vision, 2015, "
        "https://arxiv.org/abs/1512.00567",
        any_size(75, inception_v3=23834568),
        "no auxiliary head, no label smoothing (which is a loss's)",
    ),
    Family(
        "MaxViT, attention in blocks and on a grid",
        "MaxViT: Multi-Axis Vision Transformer, 2022, https://arxiv.org/abs/2204.01697",
        multiples(224, maxvit_t=30919624),
    ),
    Family(
        "MnasNet, found by search for phones",
        "MnasNet: Platform-Aware Neural Architecture Search for Mobile, 2018, "
        "https://arxiv.org/abs/1807.11626",
        any_size(
            1,
            mnasnet0_5=2218512,
            mnasnet0_75=3170208,
            mnasnet1_0=4383312,
            mnasnet1_3=6282256,
        ),
    ),
    Family(
        "MobileNetV2, inverted residuals",
        "MobileNetV2: Inverted Residuals and Linear Bottlenecks, 2018, "
        "https://arxiv.org/abs/1801.04381",
        any_size(1, mobilenet_v2=3504872),
    ),
    Family(
        "MobileNetV3, found by search for phones",
        "Searching for MobileNetV3, 2019, https://arxiv.org/abs/1905.02244",
        any_size(1, mobilenet_v3_small=2542856, mobilenet_v3_large=5483032),
    ),
    Family(
        "RegNet, from a design space of regular networks",
        "Designing Network Design Spaces, 2020, https://arxiv.org/abs/2003.13678",
        any_size(
            1,
            regnet_x_400mf=5495976,
            regnet_x_800mf=7259656,
            regnet_x_1_6gf=9190136,
            regnet_x_3_2gf=15296552,
            regnet_x_8gf=39572648,
            regnet_x_16gf=54278536,
            regnet_x_32gf=107811560,
            regnet_y_400mf=4344144,
            regnet_y_800mf=6432512,
            regnet_y_1_6gf=11202430,
            regnet_y_3_2gf=19436338,
            regnet_y_8gf=39381472,
            regnet_y_16gf=83590140,
            regnet_y_32gf=145046770,
            regnet_y_128gf=644812894,
        ),
    ),
    Family(
        "ResNet, residual blocks",
        "Deep Residual Learning for Image Recognition, 2015, https://arxiv.org/abs/1512.03385",
        any_size(
            1,
            resnet18=11689512,
            resnet34=21797672,
            resnet50=25557032,
            resnet101=44549160,
            resnet152=60192808,
        ),
        "the stride of a bottleneck (50 layers and more) is in its 3x3 convolution, not in the 1x1",
    ),
    Family(
        "ResNeXt, residual blocks of many groups",
        "Aggregated Residual Transformations for Deep Neural Networks, 2016, "
        "https://arxiv.org/abs/1611.05431",
        any_size(
            1,
            resnext50_32x4d=25028904,
            resnext101_32x8d=88791336,
            resnext101_64x4d=83455272,
        ),
    ),
    Family(
        "ShuffleNetV2, channels shuffled between halves",
        "ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design, 2018, "
        "https://arxiv.org/abs/1807.11164",
        any_size(
            1,
            shufflenet_v2_x0_5=1366792,
            shufflenet_v2_x1_0=2278604,
            shufflenet_v2_x1_5=3503624,
            shufflenet_v2_x2_0=7393996,
        ),
    ),
    Family(
        "SqueezeNet, few parameters by 1x1 convolutions",
        "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size, "
        "2016, https://arxiv.org/abs/1602.07360",
        any_size(21, squeezenet1_0=1248424) | any_size(17, squeezenet1_1=1235496),
        "1.0 is the paper's; 1.1 the authors' later one, 2.4 times cheaper",
    ),
    Family(
        "Swin transformer, attention in shifted windows",
        "Swin Transformer: Hierarchical Vision Transformer using Shifted Windows, 2021, "
        "https://arxiv.org/abs/2103.14030",
        any_size(4, swin_t=28288354, swin_s=49606258, swin_b=87768224),
    ),
    Family(
        "Swin transformer V2, steadier at scale",
        "Swin Transformer V2: Scaling Up Capacity and Resolution, 2021, "
        "https://arxiv.org/abs/2111.09883",
        any_size(4, swin_v2_t=28351570, swin_v2_s=49737442, swin_v2_b=87930848),
    ),
    Family(
        "VGG, stacks of 3x3 convolutions",
        "Very Deep Convolutional Networks for Large-Scale Image Recognition, 2014, "
        "https://arxiv.org/abs/1409.1556",
        any_size(
            32,
            vgg11=132863336,
            vgg13=133047848,
            vgg16=138357544,
            vgg19=143667240,
            vgg11_bn=132868840,
            vgg13_bn=133053736,
            vgg16_bn=138365992,
            vgg19_bn=143678248,
        ),
        "what is left of a picture of another size than 224 is averaged to 7x7 before the linear "
        "layers; the _bn ones have batch norm, which the paper hasn't",
    ),
    Family(
        "Vision transformer (ViT), attention between patches",
        "An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale, 2020, "
        "https://arxiv.org/abs/2010.11929",
        multiples(16, vit_b_16=86567656, vit_l_16=304326632)
        | multiples(32, vit_b_32=88224232, vit_l_32=306535400)
        | multiples(14, vit_h_14=632045800),
        "no hidden layer in the head, which the paper has while it pretrains",
    ),
    Family(
        "Wide ResNet, residual blocks with twice the channels",
        "Wide Residual Networks, 2016, https://arxiv.org/abs/1605.07146",
        any_size(1, wide_resnet50_2=68883240, wide_resnet101_2=126886696),
        "the ImageNet form with bottlenecks, stride in the 3x3; the paper's WRN-28-10 for small "
        "pictures, with its dropout, is not kept",
    ),
)

ENTRIES = entries_of("torchvision", _FAMILIES)
