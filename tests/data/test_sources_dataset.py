"""Other people's Datasets."""

import pickle

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import (
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
)

from netwright._errors import BadData, BadType
from netwright.data.dataset import InMemory, InputKind, Items, TargetKind
from netwright.data.open import open_data


class Listed(Dataset):
    """Items of a list; counts how often each is read."""

    def __init__(self, items, **attributes):
        self.items = items
        self.reads = []
        self.__dict__.update(attributes)

    def __len__(self):
        return len(self.items)

    def __getitem__(self, place):
        self.reads.append(place)
        if isinstance(self.items[place], Exception):
            raise self.items[place]
        return self.items[place]


class Stream(IterableDataset):
    def __iter__(self):
        yield torch.zeros(3), 0


PIXELS = np.random.default_rng(0).integers(0, 256, (8, 5, 4, 3), dtype=np.uint8)


def labelled(inputs, **attributes):
    return Listed([(x, place % 2) for place, x in enumerate(inputs)], **attributes)


@pytest.mark.parametrize(
    "convert",
    [Image.fromarray, np.asarray, lambda pixels: torch.from_numpy(pixels).permute(2, 0, 1)],
)
def test_pictures_of_any_form(convert):
    data = open_data(labelled([convert(pixels) for pixels in PIXELS]))
    assert isinstance(data.samples, Items)
    assert data.input_kind is InputKind.IMAGE
    assert data.target.kind is TargetKind.BINARY
    found = data.samples.take(torch.tensor([5, 0]))
    assert found.dtype == torch.uint8
    np.testing.assert_array_equal(found.numpy(), PIXELS[[5, 0]].transpose(0, 3, 1, 2))
    again = pickle.loads(pickle.dumps(data.samples))
    assert torch.equal(again.item(2), data.samples.item(2))
    assert data.labels[5] == "item 5"


def test_grey_pictures_and_rows():
    greys = open_data(labelled([Image.fromarray(pixels[..., 0]) for pixels in PIXELS]))
    assert tuple(greys.samples.item(0).shape) == (1, 5, 4)
    rows = open_data(labelled(list(np.arange(24.0).reshape(8, 3))))
    assert rows.input_kind is InputKind.TENSOR
    assert rows.samples.item(1).tolist() == [3, 4, 5]
    assert rows.samples.item(1).dtype == torch.float32
    assert tuple(open_data(labelled([1.5] * 8)).samples.item(0).shape) == (1,)


def test_targets_that_are_there_are_not_gathered():
    quick = labelled(list(PIXELS), targets=torch.arange(8) % 2)
    assert open_data(quick).target.values.tolist() == [0, 1] * 4
    assert set(quick.reads) == {0, 7}
    slow = labelled(list(PIXELS))
    assert open_data(slow).target.values.tolist() == [0, 1] * 4
    assert set(slow.reads) == set(range(8))


@pytest.mark.parametrize("targets", [[9] * 8, [0, 1], "01010101x"])
def test_targets_that_do_not_agree_with_the_items_are_not_believed(targets):
    data = open_data(labelled(list(PIXELS), targets=targets))
    assert data.target.values.tolist() == [0, 1] * 4


def test_a_target_transform_is_respected():
    items = [(x, 1 - place % 2) for place, x in enumerate(PIXELS)]
    dataset = Listed(items, targets=[0, 1] * 4, target_transform=lambda y: 1 - y)
    assert open_data(dataset).target.values.tolist() == [1, 0] * 4
    assert set(dataset.reads) == {0, 7}


def test_subsets_and_joined_sets_keep_targets_and_names():
    whole = labelled(list(PIXELS), targets=[0, 1] * 4, classes=["cat", "dog"])
    part = Subset(whole, [1, 3, 4])
    data = open_data(ConcatDataset([part, whole]))
    assert data.target.names == ("cat", "dog")
    assert data.target.values.tolist() == [1, 1, 0] + [0, 1] * 4
    assert set(whole.reads) == {1, 7}
    np.testing.assert_array_equal(data.samples.item(2), PIXELS[4].transpose(2, 0, 1))


def test_splits():
    train, val = labelled(list(PIXELS)), labelled(list(PIXELS[:4]))
    data = open_data({"train": train, "val": val})
    assert {name: index.tolist() for name, index in data.splits.items()} == {
        "train": list(range(8)),
        "val": list(range(8, 12)),
    }
    np.testing.assert_array_equal(data.samples.item(9), PIXELS[1].transpose(2, 0, 1))


def test_tensor_datasets_are_arrays():
    x = torch.rand(8, 3)
    data = open_data(TensorDataset(x, torch.arange(8) % 2))
    assert isinstance(data.samples, InMemory)
    assert torch.equal(data.samples.values, x)
    with pytest.raises(BadType, match="tuple of 3"):
        open_data(TensorDataset(x, x, x))


def test_inputs_alone_and_real_targets():
    assert open_data(Listed(list(torch.rand(8, 3)))).target.kind is TargetKind.NONE
    real = open_data(Listed([(torch.rand(3), torch.rand(2)) for _ in range(8)]))
    assert (real.target.kind, tuple(real.target.values.shape)) == (TargetKind.REAL, (8, 2))
    words = open_data(Listed([(torch.rand(3), "ab"[place % 2]) for place in range(8)]))
    assert words.target.names == ("a", "b")
    assert open_data(labelled(list(PIXELS)), kind="real").target.kind is TargetKind.REAL


def test_unlike_sizes_need_a_size():
    pictures = [Image.fromarray(PIXELS[0]), Image.fromarray(PIXELS[1][:3])]
    data = open_data(labelled(pictures))
    with pytest.raises(BadData, match=r"\(3, 3, 4\) for item 1 .*image_size"):
        data.samples.take(torch.tensor([0, 1]))
    fitted = open_data(labelled(pictures), image_size=(3, 2), channels=1).samples
    assert tuple(fitted.take(torch.tensor([0, 1])).shape) == (2, 1, 3, 2)


def test_bad_items_are_named_or_left_out():
    items = [(torch.rand(3), place % 2) for place in range(8)]
    items[2] = (torch.tensor([1, float("nan"), 2]), 0)
    items[5] = (torch.rand(3), None)
    with pytest.raises(BadData, match=r"item 2 \(NaN.*item 5 \(missing"):
        open_data(Listed(items))
    items[6] = OSError("disk gone")
    data = open_data(Listed(items), skip_bad=True)
    assert len(data) == 5
    assert {fault.what: fault.why for fault in data.skipped}["item 6"] == "OSError: disk gone"
    assert data.samples.item(4).tolist() == items[7][0].tolist()
    assert data.labels == ("item 0", "item 1", "item 3", "item 4", "item 7")


def test_nan_that_the_quick_way_did_not_see_is_found_when_read():
    items = [
        (torch.full((3,), float("nan")) if at == 3 else torch.rand(3), at % 2) for at in range(8)
    ]
    data = open_data(Listed(items, targets=[0, 1] * 4))
    with pytest.raises(BadData, match="NaN or infinity in item 3"):
        data.samples.item(3)


@pytest.mark.parametrize(
    ("spec", "error", "match"),
    [
        (Stream(), BadType, "Wrap it in a DataLoader"),
        ({"train": Stream()}, BadType, "iterable Stream"),
        (DataLoader(labelled(list(PIXELS))), BadType, "DataLoader.*give the loader itself to fit"),
        (Listed([]), BadData, "empty dataset"),
        (Listed([(torch.rand(2), 0, 1)] * 3), BadType, "got 3 things"),
        (Listed([(torch.rand(2), {"boxes": 1})] * 3), BadType, "got a dict"),
        (Listed([("text", at % 2) for at in range(4)]), BadType, "got str in item 0"),
        (Listed([(torch.rand(2), 0)] * 3), BadData, "one class only: 0"),
    ],
)
def test_bad_datasets(spec, error, match):
    with pytest.raises(error, match=match):
        open_data(spec)
