import math

import pytest
import torch
import torch.nn.functional as F
from scipy import stats

from netwright._errors import BadData, BadValue
from netwright.data.augment.compose import Augment
from netwright.data.augment.cutmix import Paste, cutmix
from netwright.data.augment.draws import Draws
from netwright.data.augment.mixture import beta_shares, chosen
from netwright.data.augment.mixup import Blend, mixup
from netwright.data.augment.objects import Objects
from netwright.data.batch import Batch
from netwright.methods.output_units.catalogue import create

MIXUP, CUTMIX = {"name": "mixup", "alpha": 1.0}, {"name": "cutmix"}
COUNT, INDEX = 60, torch.arange(100, 160)


def draws_of(count):
    return Draws(index=torch.arange(count), seed=0, epoch=0)


def constant_pictures():
    """Picture i is i everywhere, and of class i."""
    return torch.arange(COUNT).float()[:, None, None, None].expand(COUNT, 1, 12, 16).clone()


@pytest.mark.parametrize("alpha", [0.1, 0.2, 1.0, 3.0])
def test_shares_follow_the_beta_law(alpha):
    shares = beta_shares(draws_of(20_000), alpha=alpha)
    for bound in (1e-6, 1e-3, 0.03, 0.2, 0.5, 0.8, 0.97, 0.999):
        expected = stats.beta(alpha, alpha).cdf(bound)
        slack = 4 * math.sqrt(expected * (1 - expected) / 20_000) + 2e-3 * expected
        assert abs((shares < bound).float().mean().item() - expected) <= slack
    assert shares.min() >= 0
    assert shares.max() <= 1


@pytest.mark.parametrize("entry", [MIXUP, CUTMIX])
def test_targets_are_what_the_picture_holds(entry):
    """Of pictures that are one number each, the mean says how much of which is in them."""
    pictures, classes = constant_pictures(), torch.arange(COUNT)
    augment = Augment([entry], seed=2, num_classes=COUNT)
    wanted = augment.wanted(INDEX, among=INDEX, epoch=1)
    partner = wanted[COUNT:] - 100
    batch = Batch(pictures[wanted - 100], classes[wanted - 100], wanted)
    mixed = augment.together(batch, epoch=1)
    assert torch.equal(mixed.index, INDEX)
    assert mixed.targets.shape == (COUNT, COUNT)
    torch.testing.assert_close(mixed.targets.sum(1), torch.ones(COUNT))
    expected = mixed.targets @ torch.arange(COUNT).float()
    torch.testing.assert_close(mixed.inputs.mean((1, 2, 3)), expected, rtol=0, atol=1e-4)
    shares = mixed.targets[classes, classes]
    for place in range(COUNT):
        assert mixed.targets[place].nonzero().flatten().tolist() in (
            sorted({place, int(partner[place])}), [place], [int(partner[place])],
        )  # fmt: skip
    assert 0.3 < shares.mean() < 0.75
    assert len(set(partner.tolist())) > 30
    assert (partner - classes).float().abs().mean() == pytest.approx(COUNT / 3, rel=0.3)


def test_blending_by_hand():
    blend = Blend(torch.tensor([0.25, 1.0]))
    first, second = torch.tensor([[100.0], [10.0]]), torch.tensor([[200.0], [0.0]])
    assert blend.pictures(first, second).flatten().tolist() == [175, 10]
    as_bytes = blend.pictures(first.to(torch.uint8), second.to(torch.uint8))
    assert as_bytes.dtype == torch.uint8
    assert as_bytes.flatten().tolist() == [175, 10]


def test_pasting_by_hand():
    paste = Paste(torch.tensor([[1, 0, 3, 1], [0, 0, 0, 0]]), size=(2, 4))
    own, other = torch.zeros(2, 1, 2, 4), torch.ones(2, 1, 2, 4)
    assert paste.pictures(own, other)[0, 0].tolist() == [[0, 1, 1, 0], [0, 0, 0, 0]]
    assert paste.share.tolist() == [0.75, 1.0]
    assert (paste.pictures(own, other)[1] == 0).all()


def test_pieces_are_as_large_as_their_law_says_and_lie_anywhere():
    paste = cutmix((64, 64), draws_of(20_000), alpha=1.0)
    left, top, right, bottom = paste.box.unbind(1)
    within = (left > 0) & (top > 0) & (right < 64) & (bottom < 64)
    assert torch.equal(right[within] - left[within], bottom[within] - top[within])
    area = 1 - beta_shares(draws_of(20_000), alpha=1.0)
    taken = (1 - paste.share)[within]
    assert (taken <= area[within] + 1e-6).all()
    assert ((area[within].sqrt() - taken.sqrt()) < 1 / 64 + 1e-6).all()
    assert ((left + right) / 2)[within].float().std() > 10
    wide = cutmix((64, 32), draws_of(100), alpha=1.0).box
    assert wide[:, 2].max() <= 32


@pytest.mark.parametrize("entry", [MIXUP, CUTMIX])
def test_an_example_is_mixed_alike_whatever_its_batch(entry):
    pictures = torch.rand(COUNT, 3, 12, 16)
    recipe = [{"name": "flip"}, {"name": "rotate-scale"}, entry, {"name": "cutout"}]
    augment = Augment(recipe, seed=2, num_classes=5)

    def of(index):
        wanted = augment.wanted(index, among=INDEX, epoch=4)
        gathered = Batch(pictures[wanted - 100], (wanted * 7) % 5, wanted)
        return augment.together(augment.apart(gathered, epoch=4), epoch=4)

    whole, some = of(INDEX), torch.tensor([31, 5, 5, 0])
    part = of(INDEX[some])
    torch.testing.assert_close(part.inputs, whole.inputs[some], rtol=0, atol=1e-4)
    assert torch.equal(part.targets, whole.targets[some])


def test_what_stands_before_is_done_to_both_and_what_stands_behind_to_the_mixture():
    pictures = torch.rand(COUNT, 3, 12, 16)
    mirror, dark = {"name": "flip"}, {"name": "brightness-contrast", "brightness": 0.5}
    augment = Augment([mirror, MIXUP, dark], seed=2)
    wanted = augment.wanted(INDEX, among=INDEX, epoch=0)
    mirrored = Augment([mirror], seed=2)(pictures, INDEX, epoch=0)
    got = augment.together(
        augment.apart(Batch(pictures[wanted - 100], None, wanted), epoch=0), epoch=0
    ).inputs
    draws = Draws(index=INDEX, seed=2, epoch=0, scope="1/mixup")
    blend = mixup((12, 16), draws, alpha=1.0)
    expected = blend.pictures(mirrored, mirrored[wanted[COUNT:] - 100])
    from netwright.data.augment.brightness_contrast import brightness_contrast

    expected = brightness_contrast(
        expected, Draws(index=INDEX, seed=2, epoch=0, scope="2/brightness-contrast"), brightness=0.5
    )
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("entry", [MIXUP, CUTMIX])
def test_in_a_batch_each_is_the_partner_of_one_other_whatever_their_order(entry):
    pictures, classes = constant_pictures(), torch.arange(COUNT)
    augment = Augment([entry], seed=2, num_classes=COUNT)
    mixed = augment.batch(Batch(pictures, classes, INDEX), epoch=1)
    turned = torch.randperm(COUNT)
    other = augment.batch(Batch(pictures[turned], classes[turned], INDEX[turned]), epoch=1)
    assert torch.equal(other.inputs, mixed.inputs[turned])
    assert torch.equal(other.targets, mixed.targets[turned])
    partners = (mixed.targets - torch.diag(mixed.targets.diag())).argmax(1)
    really = mixed.targets.diag() < 1 - 1e-6
    assert len(set(partners[really].tolist())) == really.sum() > 30
    alone = augment.batch(Batch(pictures[:1], classes[:1], INDEX[:1]), epoch=1)
    assert torch.equal(alone.inputs, pictures[:1])
    assert alone.targets[0, 0] == 1


@pytest.mark.parametrize("entry", [MIXUP, CUTMIX])
def test_a_share_of_the_examples_is_left_alone(entry):
    pictures, classes = constant_pictures(), torch.arange(COUNT)
    augment = Augment([{**entry, "probability": 0.3}], seed=2, num_classes=COUNT)
    wanted = augment.wanted(INDEX, among=INDEX, epoch=0)
    name = f"0/{entry['name']}"
    alone = ~chosen(Draws(index=INDEX, seed=2, epoch=0, scope=name), probability=0.3)
    assert 30 < alone.sum() < 55
    assert (wanted[COUNT:] == INDEX)[alone].all()
    assert (wanted[COUNT:] == INDEX).sum() < alone.sum() + 4
    batch = Batch(pictures[wanted - 100], classes[wanted - 100], wanted)
    mixed = augment.together(batch, epoch=0)
    assert torch.equal(mixed.inputs[alone], pictures[alone])
    assert (mixed.targets.diag()[alone] == 1).all()
    within = augment.batch(Batch(pictures, classes, INDEX), epoch=0)
    assert torch.equal(within.inputs[alone], pictures[alone])


def of_unit(kind):
    generator = torch.Generator().manual_seed(0)
    rand = torch.rand(COUNT, 3, generator=generator)
    names, targets, width = {
        "classes": (("a", "b", "c"), torch.arange(COUNT) % 3, 3),
        "binary": (("no", "yes"), torch.arange(COUNT) % 2, 1),
        "multi-label": (("a", "b", "c"), (rand > 0.5).float(), 3),
        "real": (("y",), rand[:, 0] * 4, 1),
    }[kind]
    return create(kind, names=names, targets=targets), targets, width


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["classes", "binary", "multi-label", "real"])
def test_the_cost_of_mixed_targets_is_the_mixture_of_their_costs(kind, weighted):
    """In value for likelihoods, in gradient for squares too, which differ by a constant."""
    unit, targets, width = of_unit(kind)
    weight = torch.rand(COUNT) + 0.2 if weighted else None
    augment = Augment([MIXUP], seed=2, num_classes=3 if kind == "classes" else None)
    wanted = augment.wanted(INDEX, among=INDEX, epoch=0)
    rows = wanted - 100
    batch = Batch(
        torch.rand(COUNT, 5)[rows], targets[rows], wanted, None if weight is None else weight[rows]
    )
    mixed = augment.together(batch, epoch=0)
    scores = torch.randn(COUNT, width, requires_grad=True)
    share = mixup((0, 5), Draws(index=INDEX, seed=2, epoch=0, scope="0/mixup"), alpha=1.0).share
    share = torch.where(wanted[COUNT:] == INDEX, 1.0, share)
    one = unit.loss(scores, targets)
    other = unit.loss(scores, targets[rows[COUNT:]])
    got = unit.loss(scores, mixed.targets)
    if weight is not None:
        one, other, got = one * weight, other * weight[rows[COUNT:]], got * mixed.weight
    expected = share * one + (1 - share) * other
    if kind != "real":
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)
    slopes = [torch.autograd.grad(cost.sum(), scores)[0] for cost in (got, expected)]
    torch.testing.assert_close(slopes[0], slopes[1], rtol=1e-4, atol=1e-5)
    if weight is not None:
        torch.testing.assert_close(mixed.weight.sum(), (share * weight + (1 - share)
                                   * weight[rows[COUNT:]]).sum())  # fmt: skip


def test_only_units_for_which_that_holds_say_so():
    from netwright.methods.output_units.catalogue import CATALOGUE

    mixing = {name for name in CATALOGUE.names() if CATALOGUE.load(name).mixes}
    linear_in_the_target = {"classes-margin", "multi-label-margin"}
    assert mixing == {"binary", "classes", "multi-label", "real"} | linear_in_the_target


def test_gradients_go_to_both_pictures():
    own = torch.rand(2, 1, 3, 3, requires_grad=True)
    other = torch.rand(2, 1, 3, 3, requires_grad=True)
    Blend(torch.tensor([0.25, 0.5])).pictures(own, other).sum().backward()
    assert own.grad[0].unique().tolist() == [0.25]
    assert other.grad[1].unique().tolist() == [0.5]


def test_masks_are_pasted_and_pictures_to_answer_with_blended():
    own, other = torch.zeros(1, 4, 6, dtype=torch.int64), torch.ones(1, 4, 6, dtype=torch.int64)
    paste = Paste(torch.tensor([[2, 1, 5, 3]]), size=(4, 6))
    expected = torch.zeros(4, 6, dtype=torch.int64)
    expected[1:3, 2:5] = 1
    assert torch.equal(paste.planes(own, other)[0], expected)
    assert torch.equal(paste.pictures(own[:, None].float(), other[:, None].float())[0, 0].long(),
                       expected)  # fmt: skip
    depth = torch.zeros(1, 2, 4, 6)
    assert torch.equal(paste.planes(depth, depth + 1)[0, 1], expected.float())
    halves = Blend(torch.tensor([0.25])).planes(depth, depth + 1)
    assert halves.unique().tolist() == [0.75]


def one_picture(boxes, labels, **more):
    return {"boxes": torch.tensor(boxes), "labels": torch.tensor(labels), **more}


def test_boxes_of_both_are_cut_by_the_piece():
    """A box loses an end only where the piece lies over all of its other side."""
    own = one_picture(
        [[0.0, 0, 4, 4], [2, 2, 12, 6], [4, 3, 8, 9], [4.5, 4.5, 7, 7], [0, 3, 6, 9]],
        [0, 1, 2, 3, 4], image_id=9,
    )  # fmt: skip
    other = one_picture([[0.0, 0, 6, 6], [8, 0, 16, 12], [9.2, 5, 10, 6]], [5, 6, 7], image_id=8)
    paste = Paste(torch.tensor([[4, 3, 10, 9]]), size=(12, 16))
    (mixed,) = paste.objects(Objects.of([own]), Objects.of([other]))
    assert mixed["labels"].tolist() == [0, 1, 4, 5, 6]  # 2 and 3 are hidden, 7 is too small
    assert mixed["boxes"].tolist() == [
        [0, 0, 4, 4], [2, 2, 12, 6], [0, 3, 4, 9], [4, 3, 6, 6], [8, 3, 10, 9],
    ]  # fmt: skip
    assert mixed["image_id"] == 9


def test_boxes_are_least_around_what_is_seen_by_counting_pixels():
    generator = torch.Generator().manual_seed(1)
    for _ in range(150):
        corner = torch.randint(0, 12, (2, 2), generator=generator)
        sides = torch.randint(1, 9, (2, 2), generator=generator)
        box, piece = torch.cat([corner, corner + sides], 1)
        seen = torch.zeros(24, 24, dtype=torch.bool)
        seen[box[1] : box[3], box[0] : box[2]] = True
        seen[piece[1] : piece[3], piece[0] : piece[2]] = False
        paste = Paste(piece[None], size=(24, 24))
        own = Objects.of([one_picture([box.float().tolist()], [1])])
        nobody = Objects.of([{"boxes": torch.zeros(0, 4), "labels": torch.zeros(0).long()}])
        (mixed,) = paste.objects(own, nobody)
        if seen.sum() < 0.1 * sides[0].prod():
            assert len(mixed["boxes"]) == 0
            continue
        rows, columns = seen.nonzero().unbind(1)
        expected = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert mixed["boxes"][0].tolist() == [int(value) for value in expected]


def test_boxes_of_both_are_united_by_blending():
    first = [one_picture([[0.0, 0, 4, 4]], [1]), one_picture([[1.0, 1, 2, 3]], [2])]
    second = [one_picture([[5.0, 5, 9, 9]], [3]), one_picture([[0.0, 0, 9, 9]], [4])]
    blend = Blend(torch.tensor([0.5, 1.0]))
    mixed = blend.objects(Objects.of(first), Objects.of(second))
    assert [one["labels"].tolist() for one in mixed] == [[1, 3], [2]]


def test_objects_are_mixed_by_augment_with_masks_and_keypoints():
    masks = torch.zeros(3, 1, 20, 20, dtype=torch.uint8)
    masks[:, :, 5:15, 5:15] = 1
    targets = [
        {**one_picture([[5.0, 5, 15, 15]], [place]), "masks": masks[place],
         "keypoints": torch.tensor([[[6.0, 6.0, 1.0], [13.0, 13.0, 1.0]]])}
        for place in range(3)
    ]  # fmt: skip
    pictures = torch.stack([(mask * (place + 1)).float() for place, mask in enumerate(masks)])
    batch = Batch(pictures, targets, torch.arange(3))
    for entry, least in ((CUTMIX, 30), (MIXUP, 48)):
        seen = 0
        for epoch in range(8):
            mixed = Augment([entry], seed=0).batch(batch, epoch=epoch)
            for place in range(3):
                target = mixed.targets[place]
                seen += len(target["labels"])
                for row, label in enumerate(target["labels"].tolist()):
                    if entry is not CUTMIX:
                        continue
                    pixels = mixed.inputs[place, 0] == label + 1
                    assert torch.equal(target["masks"][row] > 0, pixels)
                    for across, down, visible in target["keypoints"][row].tolist():
                        assert bool(visible) == bool(pixels[int(down), int(across)])
        assert least <= seen <= 48


@pytest.mark.parametrize(
    ("recipe", "targets", "message"),
    [
        ([MIXUP], torch.zeros(3, 8, 8, dtype=torch.int64), "other than masks for mixup"),
        ([MIXUP], [{"mask": torch.zeros(8, 8, dtype=torch.int64)}] * 3, "without a mask"),
        ([CUTMIX], ["a", "b", "c"], "a tensor, or mappings"),
    ],
)
def test_targets_without_a_mixture_are_refused(recipe, targets, message):
    with pytest.raises(BadData, match=message):
        Augment(recipe, seed=0).batch(
            Batch(torch.zeros(3, 1, 8, 8), targets, torch.arange(3)), epoch=0
        )


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ([{"name": "mixup", "alpha": 0}], "alpha must be from 0.01"),
        ([{"name": "cutmix", "probability": 2}], "probability must be from 0 to 1"),
        ([{"name": "mixup", "beta": 2}], "option of mixup"),
        ([MIXUP, CUTMIX], "one at most that mixes"),
    ],
)
def test_mistakes_in_the_recipe_are_refused_at_once(recipe, message):
    with pytest.raises(BadValue, match=message):
        Augment(recipe, seed=0)


def test_inputs_that_can_not_be_mixed_are_refused():
    rows = Batch(torch.rand(4, 3), torch.arange(4), torch.arange(4))
    assert Augment([MIXUP], seed=0).batch(rows, epoch=0).inputs.shape == (4, 3)
    with pytest.raises(BadData, match="pictures"):
        Augment([CUTMIX], seed=0).batch(rows, epoch=0)
    with pytest.raises(BadData, match=r"Augment\.batch"):
        Augment([MIXUP], seed=0)(torch.zeros(4, 1, 8, 8), torch.arange(4), epoch=0)
    with pytest.raises(BadData, match="one tensor"):
        Augment([MIXUP], seed=0).batch(
            Batch({"x": torch.rand(4, 3)}, None, torch.arange(4)), epoch=0
        )


def test_soft_targets_mean_what_torch_says():
    logits, laws = torch.randn(6, 4), torch.rand(6, 4).softmax(1)
    unit = create("classes", names=tuple("abcd"), targets=None)
    torch.testing.assert_close(
        unit.loss(logits, laws), F.cross_entropy(logits, laws, reduction="none")
    )
    assert math.isclose(
        unit.prior_loss(laws), float(-(laws.mean(0) * laws.mean(0).log()).sum()), rel_tol=1e-4
    )


def test_a_keypoint_is_seen_where_the_pixel_is_whose_middle_is_nearest():
    paste = Paste(torch.tensor([[2, 0, 4, 2]]), size=(2, 6))
    points = torch.tensor([[[1.4, 0.0, 1.0], [1.6, 0.0, 1.0], [3.4, 1.0, 1.0], [3.6, 1.0, 1.0]]])
    both = [Objects.of([{"keypoints": points}]) for _ in range(2)]
    (mixed,) = paste.objects(*both)
    own, other = mixed["keypoints"][..., 2]
    assert own.tolist() == [1, 0, 0, 1]
    assert other.tolist() == [0, 1, 1, 0]
