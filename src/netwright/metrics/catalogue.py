"""Every metric by name, with the kinds of target that it judges."""

from __future__ import annotations

from netwright._catalogue import Catalogue, Entry

__all__ = ["CATALOGUE"]

# the kinds of target that are judged; a recipe knows those of data, methods bring the others
_LABELS = ("binary", "classes", "ordinal")
_LABELS_AND_SETS = ("binary", "classes", "ordinal", "multi-label")
_COUNTS = ("counts",)
_REALS = ("real",)
_NUMBERS_AND_GRADES = ("real", "counts", "bins", "ordinal")
_QUANTILES = ("quantiles",)
_MASKS = ("masks",)
_OBJECTS = ("objects",)
_PANOPTIC = ("things and stuff",)
_TOKENS = ("tokens",)
_TEXTS = ("texts",)

_VOC = (
    "The Pascal Visual Object Classes Challenge: A Retrospective, 2015, "
    "https://doi.org/10.1007/s11263-014-0733-5"
)
_DICE = (
    "Measures of the Amount of Ecologic Association Between Species, 1945, "
    "https://doi.org/10.2307/1932409"
)
_COCO = "Microsoft COCO: Common Objects in Context, 2014, https://arxiv.org/abs/1405.0312"
_PANOPTIC_PAPER = "Panoptic Segmentation, 2019, https://arxiv.org/abs/1801.00868"


def _entry(
    name: str, target: str, summary: str, *, judges: tuple[str, ...], paper: str = ""
) -> Entry:
    return Entry(
        name=name,
        target=f"netwright.metrics.{target}",
        summary=summary,
        paper=paper,
        facts={"judges": judges},
    )


CATALOGUE = Catalogue(
    "metric",
    (
        _entry("accuracy", "accuracy:Accuracy", "share of right answers", judges=_LABELS_AND_SETS),
        _entry(
            "top_accuracy",
            "accuracy:TopAccuracy",
            "share of examples whose class is among the n likeliest; top_3_accuracy",
            judges=_LABELS,
        ),
        _entry(
            "top_error",
            "accuracy:TopError",
            "share of examples whose class is not among the n likeliest; top_3_error",
            judges=_LABELS,
        ),
        _entry(
            "balanced_accuracy",
            "per_class:BalancedAccuracy",
            "mean recall of the classes that occur",
            judges=_LABELS_AND_SETS,
        ),
        _entry(
            "precision",
            "per_class:Precision",
            "mean precision over classes or labels (macro)",
            judges=_LABELS_AND_SETS,
        ),
        _entry(
            "macro_precision",
            "per_class:Precision",
            "the same as precision",
            judges=_LABELS_AND_SETS,
        ),
        _entry(
            "micro_precision",
            "per_class:MicroPrecision",
            "precision over all classes or labels together",
            judges=_LABELS_AND_SETS,
        ),
        _entry(
            "weighted_precision",
            "per_class:WeightedPrecision",
            "mean precision, each class weighing as often as it occurs",
            judges=_LABELS_AND_SETS,
        ),
        _entry(
            "class_precision",
            "per_class:ClassPrecision",
            "precision of one class, by default of the second of two (binary)",
            judges=_LABELS_AND_SETS,
        ),
        _entry(
            "recall",
            "per_class:Recall",
            "mean recall over classes or labels (macro)",
            judges=_LABELS_AND_SETS,
        ),
        _entry("macro_recall", "per_class:Recall", "the same as recall", judges=_LABELS_AND_SETS),
        _entry(
            "micro_recall",
            "per_class:MicroRecall",
            "recall over all classes or labels together",
            judges=_LABELS_AND_SETS,
        ),
        _entry(
            "weighted_recall",
            "per_class:WeightedRecall",
            "mean recall, each class weighing as often as it occurs",
            judges=_LABELS_AND_SETS,
        ),
        _entry(
            "class_recall",
            "per_class:ClassRecall",
            "recall of one class, by default of the second of two (binary)",
            judges=_LABELS_AND_SETS,
        ),
        _entry(
            "f1", "per_class:F1", "mean F1 over classes or labels (macro)", judges=_LABELS_AND_SETS
        ),
        _entry("macro_f1", "per_class:F1", "the same as f1", judges=_LABELS_AND_SETS),
        _entry(
            "micro_f1",
            "per_class:MicroF1",
            "F1 over all classes or labels together",
            judges=_LABELS_AND_SETS,
        ),
        _entry(
            "weighted_f1",
            "per_class:WeightedF1",
            "mean F1, each class weighing as often as it occurs",
            judges=_LABELS_AND_SETS,
        ),
        _entry(
            "class_f1",
            "per_class:ClassF1",
            "F1 of one class, by default of the second of two (binary)",
            judges=_LABELS_AND_SETS,
        ),
        _entry(
            "exact_match",
            "accuracy:Accuracy",
            "share of label sets that are right in every label",
            judges=_LABELS_AND_SETS,
        ),
        _entry(
            "log_loss",
            "log_loss:LogLoss",
            "mean −log of the true class's probability",
            judges=_LABELS,
        ),
        _entry(
            "brier",
            "brier:Brier",
            "mean squared error of the probabilities",
            judges=_LABELS,
            paper="Verification of Forecasts Expressed in Terms of Probability, 1950, "
            "https://doi.org/10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2",
        ),
        _entry(
            "expected_calibration_error",
            "calibration:ExpectedCalibrationError",
            "mean gap between confidence and accuracy",
            judges=_LABELS,
            paper="On Calibration of Modern Neural Networks, 2017, "
            "https://arxiv.org/abs/1706.04599",
        ),
        _entry(
            "roc_auc",
            "ranking:RocAuc",
            "how often a positive is ranked above a negative: area under the ROC curve",
            judges=_LABELS_AND_SETS,
        ),
        _entry(
            "average_precision",
            "ranking:AveragePrecision",
            "area under the precision-recall curve; over labels, mAP of rankings",
            judges=_LABELS_AND_SETS,
        ),
        _entry(
            "quadratic_kappa",
            "confusion:QuadraticKappa",
            "agreement of ordered classes beyond chance",
            judges=_LABELS,
            paper="Weighted Kappa, 1968, https://doi.org/10.1037/h0026256",
        ),
        _entry(
            "mean_absolute_error",
            "regression:MeanAbsoluteError",
            "mean of |answer − target|",
            judges=_NUMBERS_AND_GRADES,
        ),
        _entry(
            "root_mean_squared_error",
            "regression:RootMeanSquaredError",
            "root of the mean squared error",
            judges=_NUMBERS_AND_GRADES,
        ),
        _entry(
            "r2",
            "regression:R2",
            "share of the targets' variance that is explained",
            judges=_NUMBERS_AND_GRADES,
        ),
        _entry(
            "poisson_deviance",
            "regression:PoissonDeviance",
            "log-likelihood of counts that is missing to a perfect answer",
            judges=_COUNTS,
        ),
        _entry(
            "pinball",
            "pinball:Pinball",
            "mean pinball loss of predicted quantiles",
            judges=_QUANTILES,
        ),
        _entry(
            "gaussian_nll",
            "gaussian:GaussianNll",
            "mean −log density of the targets under the answers' normal laws",
            judges=_REALS,
            paper="Strictly Proper Scoring Rules, 2007, https://doi.org/10.1198/016214506000001437",
        ),
        _entry(
            "interval_coverage_error",
            "gaussian:IntervalCoverageError",
            "how far the share of targets within mean ± z·deviation is off",
            judges=_REALS,
        ),
        _entry(
            "coverage_error",
            "pinball:CoverageError",
            "how far the share of targets in the interval is from what it should be",
            judges=_QUANTILES,
        ),
        _entry(
            "pixel_accuracy",
            "masks:PixelAccuracy",
            "share of pixels whose class is right",
            judges=_MASKS,
        ),
        _entry(
            "mean_pixel_accuracy",
            "masks:MeanPixelAccuracy",
            "share of right pixels, as the mean of the classes that occur",
            judges=_MASKS,
        ),
        _entry(
            "mean_iou",
            "masks:MeanIoU",
            "intersection over union of masks, as the mean over classes",
            judges=_MASKS,
            paper=_VOC,
        ),
        _entry(
            "frequency_weighted_iou",
            "masks:FrequencyWeightedIoU",
            "intersection over union of masks, classes by their pixels",
            judges=_MASKS,
            paper="Fully Convolutional Networks for Semantic Segmentation, 2015, "
            "https://arxiv.org/abs/1411.4038",
        ),
        _entry(
            "class_iou",
            "masks:ClassIoU",
            "intersection over union of the masks of one class",
            judges=_MASKS,
            paper=_VOC,
        ),
        _entry(
            "dice",
            "masks:Dice",
            "2|A∩B| / (|A|+|B|) of masks, as the mean over classes",
            judges=_MASKS,
            paper=_DICE,
        ),
        _entry(
            "class_dice",
            "masks:ClassDice",
            "2|A∩B| / (|A|+|B|) of the masks of one class",
            judges=_MASKS,
            paper=_DICE,
        ),
        _entry(
            "image_dice",
            "masks:ImageDice",
            "Dice of each picture by itself, as the mean over pictures",
            judges=_MASKS,
            paper=_DICE,
        ),
        _entry(
            "box_average_precision",
            "boxes:BoxAveragePrecision",
            "mAP of boxes over IoUs 0.5 to 0.95 (COCO)",
            judges=_OBJECTS,
            paper=_COCO,
        ),
        _entry(
            "mask_average_precision",
            "boxes:MaskAveragePrecision",
            "mAP of masks of objects over IoUs 0.5 to 0.95 (COCO)",
            judges=_OBJECTS,
            paper=_COCO,
        ),
        _entry(
            "voc_average_precision",
            "voc:VocAveragePrecision",
            "mAP of boxes at IoU 0.5, whole area or 11 points (Pascal VOC)",
            judges=_OBJECTS,
            paper="The Pascal Visual Object Classes (VOC) Challenge, 2010, "
            "https://doi.org/10.1007/s11263-009-0275-4",
        ),
        _entry(
            "panoptic_quality",
            "panoptic:PanopticQuality",
            "PQ: how well segments are found, times how well they fit",
            judges=_PANOPTIC,
            paper=_PANOPTIC_PAPER,
        ),
        _entry(
            "segmentation_quality",
            "panoptic:SegmentationQuality",
            "SQ: how well the found segments fit",
            judges=_PANOPTIC,
            paper=_PANOPTIC_PAPER,
        ),
        _entry(
            "recognition_quality",
            "panoptic:RecognitionQuality",
            "RQ: how well segments are found",
            judges=_PANOPTIC,
            paper=_PANOPTIC_PAPER,
        ),
        _entry(
            "perplexity",
            "perplexity:Perplexity",
            "how many tokens a language model is torn between",
            judges=_TOKENS,
            paper="Perplexity: a Measure of the Difficulty of Speech Recognition Tasks, 1977, "
            "https://doi.org/10.1121/1.2016299",
        ),
        _entry(
            "bleu",
            "bleu:Bleu",
            "how much of a translation is in the references, in runs of words",
            judges=_TEXTS,
            paper="BLEU: a Method for Automatic Evaluation of Machine Translation, 2002, "
            "https://aclanthology.org/P02-1040",
        ),
    ),
)
