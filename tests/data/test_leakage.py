import torch

from netwright.data.dataset import InMemory, Items
from netwright.data.quality.leakage import Leak, find_leaks


class Listed(Items):
    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def item(self, index):
        return self.items[index]


def test_planted_copies_are_found_and_nothing_else():
    rows = torch.randint(0, 256, (3000, 1, 8, 8), dtype=torch.uint8)
    rows[2500] = rows[17]
    rows[2999] = rows[2100]
    rows[1] = rows[0]  # within one split: no leak
    splits = {
        "train": torch.arange(2000),
        "val": torch.arange(2000, 2200),
        "test": torch.arange(2200, 3000),
    }
    assert find_leaks(InMemory(rows), splits) == [
        Leak("train", 17, "test", 2500),
        Leak("val", 2100, "test", 2999),
    ]


def test_many_copies_give_one_leak_for_each_later_example():
    samples = InMemory(torch.zeros(10, 2))
    leaks = find_leaks(samples, {"train": torch.arange(6), "test": torch.arange(6, 10)})
    assert leaks == [Leak("train", 0, "test", place) for place in range(6, 10)]


def test_zero_has_no_sign_and_types_of_any_width_are_read():
    rows = torch.tensor([[0.0, 1.0], [-0.0, 1.0]])
    for kind in (torch.float32, torch.float64, torch.bfloat16):
        splits = {"a": torch.tensor([0]), "b": torch.tensor([1])}
        assert len(find_leaks(InMemory(rows.to(kind)), splits)) == 1


def test_items_of_other_shapes_with_the_same_bytes_differ():
    same = torch.arange(4.0)
    samples = Listed([same, same.view(2, 2), same.clone()])
    splits = {"a": torch.tensor([0]), "b": torch.tensor([1, 2])}
    assert find_leaks(samples, splits) == [Leak("a", 0, "b", 2)]
