import json

import numpy as np
import pytest
import torch

from netwright._errors import BadData, BadType, BadValue
from netwright.data.dataset import Data, InMemory, InputKind, Items, Target, TargetKind
from netwright.data.preprocess.catalogue import (
    PREPROCESSING,
    create,
    default_for,
    from_state,
)

PICTURES = torch.randint(
    0, 256, (60, 3, 5, 7), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
)
TRAIN = torch.arange(0, 60, 2)


class Listed(Items):
    """Remembers what it was asked for."""

    def __init__(self, values):
        self.values, self.asked = values, set()

    def __len__(self):
        return len(self.values)

    def item(self, index):
        self.asked.add(index)
        return self.values[index]


def unit(pictures):
    return pictures.numpy().astype(np.float64) / 255


def test_channel_mean_std_is_numpys():
    fitted = create("channel-mean-std", samples=InMemory(PICTURES), index=TRAIN)
    train = unit(PICTURES[TRAIN])
    mean, std = train.mean((0, 2, 3)), train.std((0, 2, 3))
    expected = (unit(PICTURES) - mean[:, None, None]) / std[:, None, None]
    got = fitted(PICTURES)
    assert got.dtype == torch.float32
    np.testing.assert_allclose(got.numpy(), expected, atol=2e-6)


def test_channel_mean_is_numpys():
    fitted = create("channel-mean", samples=InMemory(PICTURES), index=TRAIN)
    mean = unit(PICTURES[TRAIN]).mean((0, 2, 3))
    expected = unit(PICTURES) - mean[:, None, None]
    np.testing.assert_allclose(fitted(PICTURES).numpy(), expected, atol=1e-6)


def test_mean_picture_is_numpys():
    fitted = create("mean-picture", samples=InMemory(PICTURES), index=TRAIN)
    expected = unit(PICTURES) - unit(PICTURES[TRAIN]).mean(0)
    np.testing.assert_allclose(fitted(PICTURES).numpy(), expected, atol=1e-6)


def test_none_divides_bytes_and_leaves_floats():
    fitted = create("none", samples=InMemory(PICTURES), index=TRAIN)
    assert torch.equal(fitted(PICTURES), PICTURES.float() / 255)
    rows = torch.randn(4, 3)
    assert torch.equal(fitted(rows), rows)
    assert fitted(rows.double()).dtype == torch.float32


def test_moments_of_many_chunks_are_those_of_one(monkeypatch):
    whole = create("channel-mean-std", samples=InMemory(PICTURES), index=TRAIN)
    rows = PICTURES.float().flatten(1)
    rows[::5, 3] = torch.nan
    whole_rows = create("standardise", samples=InMemory(rows), index=TRAIN)
    monkeypatch.setattr("netwright.data.preprocess.base._CHUNK_ENTRIES", 3 * 35 * 7)
    monkeypatch.setattr("netwright.data.preprocess.standardise._HELD_ENTRIES", len(TRAIN) * 4)
    for name, values, expected in (
        ("channel-mean-std", PICTURES, whole),
        ("standardise", rows, whole_rows),
    ):
        pieces = create(name, samples=InMemory(values), index=TRAIN)
        for key, value in expected.state_dict().items():
            torch.testing.assert_close(pieces.state_dict()[key], value, rtol=1e-6, atol=0)


def test_a_large_offset_does_not_cancel():
    pictures = torch.randn(40, 2, 4, 4, dtype=torch.float64) * 1e-3 + 1e5
    fitted = create("channel-mean-std", samples=InMemory(pictures), index=torch.arange(40))
    std = pictures.numpy().std((0, 2, 3))
    np.testing.assert_allclose(1 / fitted.inverse_deviation.flatten().numpy(), std, rtol=1e-6)
    rows = torch.randn(40, 3, dtype=torch.float64) + 1.7e9
    standard = create("standardise", samples=InMemory(rows), index=torch.arange(40))(rows)
    np.testing.assert_allclose(standard.std(0, correction=0).numpy(), 1, rtol=1e-5)
    np.testing.assert_allclose(standard.mean(0).numpy(), 0, atol=1e-5)


@pytest.mark.parametrize("shape", [(), (6,), (3, 2), (2, 3, 4)])
def test_standardise_is_sklearns_imputer_and_scaler(shape):
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    random = np.random.default_rng(0)
    values = random.normal(5, [1, 10], (80, 2))[:, :1].repeat(int(np.prod(shape)), 1)
    values = values * random.uniform(1, 3, values.shape)
    values[random.random(values.shape) < 0.2] = np.nan
    train = torch.arange(50)
    reference = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    expected = reference.fit(values[:50]).transform(values)
    rows = torch.from_numpy(values).float().reshape(80, *shape)
    got = create("standardise", samples=InMemory(rows), index=train)(rows)
    assert got.shape == rows.shape
    np.testing.assert_allclose(got.reshape(80, -1).numpy(), expected, atol=2e-5)


def test_a_constant_column_is_nothing():
    rows = torch.tensor([[0.1, 1.0], [0.1, 2.0], [0.1, 3.0], [9.0, 4.0]])
    got = create("standardise", samples=InMemory(rows), index=torch.arange(3))(rows)
    assert got[:, 0].tolist() == [0, 0, 0, 0]
    assert got[:3, 1].std(correction=0).item() == pytest.approx(1)
    pictures = torch.full((4, 2, 3, 3), 255, dtype=torch.uint8)
    pictures[::2, 1] = 0
    got = create("channel-mean-std", samples=InMemory(pictures), index=torch.arange(4))(pictures)
    assert (got[:, 0] == 0).all()
    assert got[:, 1].unique().tolist() == pytest.approx([-1, 1])


def test_a_column_that_was_never_there_is_nothing():
    rows = torch.tensor([[torch.nan, 1.0], [torch.nan, 2.0], [5.0, torch.nan]])
    got = create("standardise", samples=InMemory(rows), index=torch.arange(2))(rows)
    assert got[:, 0].tolist() == [0, 0, 0]
    assert got[2, 1] == 0  # the median of two values is their mean


@pytest.mark.parametrize("name", PREPROCESSING.names())
def test_only_the_training_split_is_seen(name):
    values = PICTURES if name != "standardise" else PICTURES.float()
    samples = Listed(values)
    fitted = create(name, samples=samples, index=TRAIN)
    assert samples.asked <= set(TRAIN.tolist())
    elsewhere = values.clone()
    elsewhere[1::2] = 7
    again = create(name, samples=InMemory(elsewhere), index=TRAIN)
    assert again.state() == fitted.state()


@pytest.mark.parametrize("name", PREPROCESSING.names())
def test_the_state_is_json_and_gives_the_same_bytes(name):
    values = PICTURES if name != "standardise" else PICTURES.double()
    fitted = create(name, samples=InMemory(values), index=TRAIN)
    restored = from_state(json.loads(json.dumps(fitted.state())))
    assert type(restored) is type(fitted)
    assert torch.equal(restored(values), fitted(values))
    assert restored.state() == fitted.state()
    assert fitted.state()["name"] == name


@pytest.mark.parametrize("name", PREPROCESSING.names())
def test_raw_inputs_are_left_as_they_were(name):
    values = PICTURES.double() / 255
    kept = values.clone()
    create(name, samples=InMemory(values), index=TRAIN)(values)
    assert torch.equal(values, kept)


@pytest.mark.parametrize("name", PREPROCESSING.names())
def test_nothing_asks_for_a_gradient(name):
    fitted = create(name, samples=InMemory(PICTURES), index=TRAIN)
    assert not list(fitted.parameters())


@pytest.mark.parametrize("name", ["channel-mean-std", "channel-mean", "mean-picture"])
def test_pictures_of_another_type_or_shape_are_refused(name):
    fitted = create(name, samples=InMemory(PICTURES), index=TRAIN)
    with pytest.raises(BadType, match="uint8 pictures"):
        fitted(PICTURES.float())
    floats = create(name, samples=InMemory(PICTURES.float()), index=TRAIN)
    with pytest.raises(BadType, match="floating point pictures"):
        floats(PICTURES)
    with pytest.raises(BadData, match="pictures \\(n, c, h, w\\)"):
        create(name, samples=InMemory(torch.randn(4, 3)), index=torch.arange(4))


def test_infinite_values_are_refused():
    rows = torch.ones(4, 3)
    rows[1, 2] = torch.inf
    with pytest.raises(BadData, match="finite"):
        create("standardise", samples=InMemory(rows), index=torch.arange(4))
    with pytest.raises(BadData, match="at least one training example"):
        create("standardise", samples=InMemory(rows), index=torch.arange(0))


def test_defaults_and_unknown_names():
    def of(kind):
        return Data(
            name="x",
            samples=InMemory(torch.zeros(2, 1)),
            input_kind=kind,
            target=Target(kind=TargetKind.NONE),
        )

    assert default_for(of(InputKind.IMAGE)) == "channel-mean-std"
    assert default_for(of(InputKind.TABLE)) == "standardise"
    assert default_for(of(InputKind.TENSOR)) == "standardise"
    with pytest.raises(BadValue, match="standardise"):
        create("standardize", samples=InMemory(PICTURES), index=TRAIN)


def test_ones_own_is_found_again_by_its_file(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "from netwright.data.preprocess.none import Nothing\n"
        "class Mine(Nothing):\n    def forward(self, raw):\n        return raw.float() + 1\n"
    )
    fitted = create(f"{file}:Mine", samples=InMemory(PICTURES), index=TRAIN)
    assert torch.equal(from_state(fitted.state())(torch.zeros(1, 2)), torch.ones(1, 2))


@pytest.mark.parametrize("name", ["channel-mean-std", "channel-mean", "mean-picture", "none"])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_pictures_are_taken_back_and_done_again(name, dtype):
    raw = (torch.rand(20, 2, 5, 4) * 255).to(torch.uint8)
    raw[:, 1] = 51  # a channel that never varies
    unit = raw / 255
    given = raw if dtype == torch.uint8 else unit
    fitted = create(name, samples=InMemory(given), index=torch.arange(20))
    prepared = fitted(given)
    torch.testing.assert_close(fitted.restore(prepared), unit, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(fitted.of_unit(unit), prepared, atol=1e-5, rtol=1e-5)
