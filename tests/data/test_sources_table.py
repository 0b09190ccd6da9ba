"""CSV and Parquet: parsing against pandas, targets by their values, encoding fitted on train."""

import json

import numpy as np
import pytest
import torch

from netwright._errors import BadData, BadType, BadValue
from netwright.data.dataset import InputKind, TargetKind
from netwright.data.open import open_data
from netwright.data.sources.table import ColumnKind, Table, TableEncoder
from netwright.data.sources.table_file import frame_columns, read_csv, read_parquet

pandas = pytest.importorskip("pandas")

NASTY = '''\
name,age,"city, country",member,score,note
"Smith, Jo",41,"Rome, Italy",true,1.5,
"O'Hara ""Kit""",NA,Paris,false,-2e3,"two
lines"
Zoë,17,,True,NaN,null
,0,Rome,FALSE,+.5,x
Li,99,?,,7,N/A
'''


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def column(data_or_table, name):
    table = getattr(data_or_table, "samples", data_or_table)
    return next(column for column in table.columns if column.name == name)


def everything(table):
    return torch.arange(len(table))


def test_parsing_equals_pandas(tmp_path):
    path = write(tmp_path / "nasty.csv", NASTY)
    table = read_csv(path).table
    frame = pandas.read_csv(path, na_values=["?"])
    assert list(table.names) == list(frame.columns)
    for found in table.columns:
        expected = frame[found.name]
        np.testing.assert_array_equal(found.missing(), expected.isna().to_numpy())
        there = ~found.missing()
        if found.numeric:
            np.testing.assert_array_equal(
                found.values[there], expected.to_numpy()[there].astype(np.float64)
            )
        else:
            assert list(found.values[there]) == list(expected[there])
    kinds = {found.name: found.kind for found in table.columns}
    assert kinds == {
        "name": ColumnKind.WORD,
        "age": ColumnKind.WHOLE,
        "city, country": ColumnKind.WORD,
        "member": ColumnKind.TRUTH,
        "score": ColumnKind.NUMBER,
        "note": ColumnKind.WORD,
    }


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_other_separators_and_a_byte_order_mark(tmp_path, mark):
    text = "\ufeff" + "a,b,c\n1,x,2\n3,y,4\n".replace(",", mark)
    table = read_csv(write(tmp_path / "t.csv", text)).table
    assert table.names == ("a", "b", "c")
    assert column(table, "c").values.tolist() == [2, 4]


def test_the_index_that_pandas_writes_is_no_input(tmp_path):
    frame = pandas.DataFrame({"a": [5.5, 6, 7], "b": ["x", "y", "x"]})
    frame.to_csv(tmp_path / "t.csv")
    assert read_csv(tmp_path / "t.csv").table.names == ("a", "b")


@pytest.mark.parametrize(
    ("cells", "kind", "names", "values"),
    [
        ("yes no yes no", "binary", ("no", "yes"), [1, 0, 1, 0]),
        ("true false true true", "binary", ("False", "True"), [1, 0, 1, 1]),
        ("3 1 3 2", "classes", ("1", "2", "3"), [2, 0, 2, 1]),
        ("0 1 1 0", "binary", ("0", "1"), [0, 1, 1, 0]),
        ("0.0 1.0 1.0 0.0", "binary", ("0", "1"), [0, 1, 1, 0]),
        ("0.5 1.0 2.5 1.5", "real", ("y",), [0.5, 1, 2.5, 1.5]),
        ("a b c a", "classes", ("a", "b", "c"), [0, 1, 2, 0]),
    ],
)
def test_one_target_by_its_values(tmp_path, cells, kind, names, values):
    rows = "".join(f"{row},{cell}\n" for row, cell in enumerate(cells.split()))
    target = open_data(write(tmp_path / "t.csv", "x,y\n" + rows)).target
    assert (target.kind, target.names, target.values.tolist()) == (kind, names, values)
    assert target.values.dtype == (torch.float32 if kind == "real" else torch.int64)


def test_many_whole_numbers_are_real(tmp_path):
    rows = "".join(f"0,{row + 5}\n" for row in range(30))
    assert open_data(write(tmp_path / "t.csv", "x,y\n" + rows)).target.kind is TargetKind.REAL


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("ordinal", [1, 0, 2, 1]),
        ("counts", [3.0, 1, 7, 3]),
        ("real", [3.0, 1, 7, 3]),
        ("quantiles", [3.0, 1, 7, 3]),
        ("bins", [3.0, 1, 7, 3]),
        ("classes", [1, 0, 2, 1]),
    ],
)
def test_kind_overrides(tmp_path, kind, values):
    path = write(tmp_path / "t.csv", "x,y\n1,3\n2,1\n3,7\n4,3\n")
    target = open_data(path, kind=kind).target
    assert (target.kind, target.values.tolist()) == (kind, values)
    if kind == "ordinal":
        assert target.names == ("1", "3", "7")


def test_several_targets(tmp_path):
    path = write(tmp_path / "t.csv", "x,a,b,c\n9,1,0,2.5\n8,0,0,3.5\n7,1,1,4\n")
    labels = open_data(path, target="a,b")
    assert (labels.target.kind, labels.target.names) == (TargetKind.MULTI_LABEL, ("a", "b"))
    assert labels.target.values.tolist() == [[1, 0], [0, 0], [1, 1]]
    assert labels.samples.names == ("x", "c")
    real = open_data(path, target=["c", "x"])
    assert (real.target.kind, real.target.names) == (TargetKind.REAL, ("c", "x"))
    assert real.target.values.tolist() == [[2.5, 9], [3.5, 8], [4, 7]]
    one_hot = write(tmp_path / "h.csv", "x,a,b\n9,1,0\n8,0,1\n7,1,0\n")
    classes = open_data(one_hot, target="a, b", kind="classes").target
    assert (classes.names, classes.values.tolist()) == (("a", "b"), [0, 1, 0])


def test_a_target_named_with_a_comma_in_it(tmp_path):
    path = write(tmp_path / "t.csv", '"a,b",c\n1,2.5\n0,2\n')
    assert open_data(path, target="a,b").target.names == ("0", "1")


def test_without_target(tmp_path):
    path = write(tmp_path / "t.csv", "x,y\n1,3\n2,\n")
    assert open_data(path, kind="none").samples.names == ("x", "y")
    data = open_data(path, kind="none", target="y")
    assert data.samples.names == ("x",)
    assert data.target.values is None
    assert len(data) == 2


def test_groups_and_times_leave_the_inputs(tmp_path):
    text = "x,who,when,y\n1,b,2021-03-01,0.5\n2,a,2020-01-01,1.5\n3,b,2021-03-01T12:00,2.5\n"
    data = open_data(write(tmp_path / "t.csv", text), group="who", time="when")
    assert data.samples.names == ("x",)
    assert data.groups.tolist() == [1, 0, 1]
    assert (data.times[2] - data.times[0]).item() == 0.5
    assert data.times.argmin().item() == 1


def test_parquet_and_frames_equal_csv(tmp_path):
    pytest.importorskip("pyarrow")
    frame = pandas.DataFrame(
        {
            "number": [1.5, None, 3.0, 4.0],
            "whole": [1, 2, 3, 4],
            "word": ["a", None, "b", "a"],
            "truth": [True, False, True, True],
            "day": pandas.to_datetime(["2020-01-01", "2020-01-02", "2020-01-03", "2020-01-01"]),
            "label": pandas.Categorical(["x", "y", "x", "y"]),
        }
    )
    frame.to_parquet(tmp_path / "t.parquet")
    frame.to_csv(tmp_path / "t.csv", index=False)
    opened = [
        open_data(source, time="day")
        for source in (tmp_path / "t.csv", tmp_path / "t.parquet", frame)
    ]
    encoded = []
    for data in opened:
        assert data.target.names == ("x", "y")
        assert data.target.values.tolist() == [0, 1, 0, 1]
        assert [c.kind for c in data.samples.columns] == ["number", "whole", "word", "truth"]
        assert data.times.tolist() == opened[0].times.tolist()
        encoded.append(TableEncoder.fit(data.samples, torch.arange(4)).encode(data.samples))
    torch.testing.assert_close(encoded[1], encoded[0], equal_nan=True)
    torch.testing.assert_close(encoded[2], encoded[0], equal_nan=True)
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(BadData, match="readable Parquet file"):
        open_data(tmp_path / "bad.parquet")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "empty file"),
        ("a,b\n", "must be a table with rows"),
        ("a,b\n1,2\n3\n4,5,6\n7,8\n", r"row 2 \(1 values for 2 columns\), row 3 \(3 values"),
        ("a,a\n1,2\n", "a more than once"),
        ("5.1,3.5,x\n1,2,y\n", "first line .* must be column names, got numbers: 5.1, 3.5"),
        ("a,,c\n1,2,3\n", "column 2"),
        ('a,b\n1,"2\n', "readable CSV"),
        ("y\n1.5\n2.5\n", "a column to learn from"),
        ("x,y\n1,a\n2,\n3,NA\n4,b\n", r"row 2 \(y is missing\), row 3 \(y is missing\)"),
        ("x,y\n1,0.5\ninf,2\n3,-inf\n1e300,4\n", r"row 2 \(x is inf.*row 3 \(y is.*row 4 \(x is"),
        ("x,y\n1,a\n2,a\n", "one class only: a"),
    ],
)
def test_bad_files(tmp_path, text, match):
    with pytest.raises(BadData, match=match):
        open_data(write(tmp_path / "t.csv", text))


def test_bad_bytes(tmp_path):
    (tmp_path / "t.csv").write_bytes("x,y\nzoë,1\n".encode("latin-1"))
    with pytest.raises(BadData, match="UTF-8, got byte 0xeb"):
        open_data(tmp_path / "t.csv")


def test_a_missing_column_is_answered_with_the_nearest(tmp_path):
    path = write(tmp_path / "t.csv", "x,price,y\n1,2,3\n")
    with pytest.raises(BadData, match=r"target column must be.*'prize'.*Did you mean price"):
        open_data(path, target="prize")
    with pytest.raises(BadData, match=r"group column.*'who'"):
        open_data(path, group="who")


def test_a_slip_among_numbers_is_named(tmp_path):
    rows = [f"{row},{row % 2}\n" for row in range(40)]
    rows[16] = "1O,1\n"
    path = write(tmp_path / "t.csv", "x,y\n" + "".join(rows))
    with pytest.raises(BadData, match=r"row 17 \(x: '1O' among numbers\)"):
        open_data(path)
    data = open_data(path, skip_bad=True)
    assert len(data) == 39
    assert column(data, "x").numeric
    assert data.labels[15:17] == ("row 16", "row 18")


def test_skip_bad_keeps_the_numbers_of_the_rows(tmp_path):
    path = write(tmp_path / "t.csv", "x,y\n1,a\n2\n3,\ninf,b\n5,b\n")
    data = open_data(path, skip_bad=True)
    assert data.labels == ("row 1", "row 5")
    assert {fault.what for fault in data.skipped} == {"row 2", "row 3", "row 4"}
    assert column(data, "x").values.tolist() == [1, 5]
    assert data.target.values.tolist() == [0, 1]


def test_wrong_kind_for_the_values(tmp_path):
    path = write(tmp_path / "t.csv", "x,y\n1,a\n2,b\n3,c\n")
    for kind in ("real", "counts", "ordinal", "quantiles", "bins"):
        with pytest.raises(BadData, match=rf"numbers for kind='{kind}', got a, b, c"):
            open_data(path, kind=kind)
    with pytest.raises(BadData, match="two classes for kind='binary', got 3: a, b, c"):
        open_data(path, kind="binary")
    numbers = write(tmp_path / "n.csv", "x,y\n1,-1\n2,2\n3,0.5\n")
    with pytest.raises(BadData, match=r"whole numbers from 0 .*got -1, 0\.5"):
        open_data(numbers, kind="counts")
    with pytest.raises(BadData, match=r"0 or 1 in every column .*got -1, 0\.5, 2"):
        open_data(numbers, kind="multi-label")


TRAIN = Table.from_records(
    [
        {"age": 3, "city": "Rome", "fur": None, "flag": True},
        {"age": None, "city": "Oslo", "fur": "red", "flag": False},
        {"age": 5.5, "city": "Rome", "fur": "red", "flag": None},
        {"age": 7, "city": "Lima", "fur": "red", "flag": True},
    ]
)


def test_the_encoder_knows_only_the_rows_it_was_fitted_on():
    encoder = TableEncoder.fit(TRAIN, torch.tensor([0, 1, 2]))
    assert encoder.feature_names == (
        "age",
        "city=Oslo",
        "city=Rome",
        "fur=red",
        "fur=(missing)",
        "flag",
    )
    nan = float("nan")
    expected = torch.tensor(
        [
            [3, 0, 1, 0, 1, 1],
            [nan, 1, 0, 1, 0, 0],
            [5.5, 0, 1, 1, 0, nan],
            [7, 0, 0, 1, 0, 1],  # Lima was seen in no row of the fit
        ]
    )
    found = encoder.encode(TRAIN)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, equal_nan=True)


def test_a_missing_word_unseen_in_training_is_zero():
    encoder = TableEncoder.fit(TRAIN, torch.tensor([1, 2]))
    assert "fur=(missing)" not in encoder.feature_names
    assert encoder.encode(TRAIN)[0, list(encoder.feature_names).index("fur=red")] == 0


def test_the_encoder_survives_json():
    encoder = TableEncoder.fit(TRAIN, everything(TRAIN))
    again = TableEncoder.from_state(json.loads(json.dumps(encoder.state())))
    assert again == encoder
    torch.testing.assert_close(again.encode(TRAIN), encoder.encode(TRAIN), equal_nan=True)


def test_columns_come_in_any_order_and_only_the_known_ones():
    encoder = TableEncoder.fit(TRAIN, everything(TRAIN))
    turned = TRAIN.select(["flag", "fur", "city", "age"])
    torch.testing.assert_close(encoder.encode(turned), encoder.encode(TRAIN), equal_nan=True)
    with pytest.raises(BadData, match="none named city, flag"):
        encoder.encode(TRAIN.select(["age", "fur"]))
    more = Table.from_records([{"age": 1, "city": "Rome", "fur": "red", "flag": True, "id": 7}])
    with pytest.raises(BadData, match="got id besides"):
        encoder.encode(more)
    torch.testing.assert_close(
        encoder.encode(more.select(list(encoder.levels)))[0, 0], torch.tensor(1.0)
    )


@pytest.mark.parametrize(
    ("record", "match"),
    [
        ({"age": "old"}, r"age must be numbers .*row 1 \('old'\)"),
        ({"age": float("inf")}, "age must be finite"),
        ({"city": 1.5}, r"city must be text .*row 1 \(1\.5\)"),
        ({"city": True}, "city must be text"),
    ],
)
def test_ill_typed_values_when_serving(record, match):
    encoder = TableEncoder.fit(TRAIN, everything(TRAIN))
    whole = {"age": 1, "city": "Rome", "fur": "red", "flag": True}
    with pytest.raises(BadData, match=match):
        encoder.encode(Table.from_records([whole | record]))
    with pytest.raises(BadType, match=r"city must be text throughout.*row 2 \(3\)"):
        Table.from_records([{"city": "Rome"}, {"city": 3}, {"city": "x"}])
    with pytest.raises(BadType, match="age must be"):
        Table.from_records([{"age": [3]}])


def test_words_that_happen_to_be_whole_numbers():
    houses = Table.from_records([{"house": "12"}, {"house": "14a"}])
    encoder = TableEncoder.fit(houses, everything(houses))
    found = encoder.encode(Table.from_records([{"house": 12}, {"house": None}]))
    assert found.tolist() == [[1, 0], [0, 0]]


def test_the_hundred_most_frequent_levels_are_kept():
    words = [f"w{number:03}" for number in range(150) for _ in range(2 if number < 60 else 3)]
    table = Table.from_records([{"word": word} for word in words])
    encoder = TableEncoder.fit(table, everything(table))
    assert len(encoder.feature_names) == 100
    encoded = encoder.encode(table)
    kept = encoded.sum(1).bool()
    assert {word for word, keep in zip(words, kept, strict=True) if not keep} == {
        f"w{number:03}" for number in range(10, 60)
    }


def test_a_raw_table_gives_no_inputs(tmp_path):
    data = open_data(write(tmp_path / "t.csv", "x,y\n1,a\n2,b\n"))
    assert data.input_kind is InputKind.TABLE
    with pytest.raises(BadType, match="TableEncoder"):
        data.samples.take(torch.tensor([0]))


def test_picture_options_are_refused(tmp_path):
    path = write(tmp_path / "t.csv", "x,y\n1,a\n2,b\n")
    with pytest.raises(BadValue, match="image_size must be left out for a table"):
        open_data(path, image_size=3)
    with pytest.raises(BadValue, match="channels must be left out for a table"):
        open_data(path, channels=3)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("a;y\n3,14;x\n2,7;z\n1;x\n", r"decimal point.*a \(3,14\)"),
        ('a,b,y\n"1,234",1,x\n"12,500.5",2,z\n', r"got a \(1,234\)\. Write"),
        ("a;b;y\n1.234,5;,5;x\n7,1;2,5;z\n", r"a \(1\.234,5\), b \(,5\)"),
        ("5,3,1\n4,2,0\n3,3,1\n", "must be column names, got numbers: 5, 3, 1"),
        ("0,0,0\n1,2,1\n", "must be column names, got numbers"),
    ],
)
def test_numbers_that_would_pass_for_words_or_names(tmp_path, text, match):
    with pytest.raises(BadData, match=match):
        open_data(write(tmp_path / "t.csv", text))


def test_names_that_count_are_names(tmp_path):
    assert read_csv(write(tmp_path / "t.csv", "0,1,2\n1.5,2,0\n")).table.names == ("0", "1", "2")
    words = read_csv(write(tmp_path / "w.csv", 'a,y\n"1,2",0\n"b,3",1\n')).table
    assert words.columns[0].kind is ColumnKind.WORD


def test_words_that_stand_once_say_nothing():
    rows = [{"id": f"id-{row}", "x": row} for row in range(150)]
    encoder = TableEncoder.fit(Table.from_records(rows), torch.arange(150))
    assert encoder.feature_names == ("x",)
    assert encoder.encode(Table.from_records(rows)).shape == (150, 1)
    few = TableEncoder.fit(Table.from_records(rows[:5]), torch.arange(5))
    assert len(few.feature_names) == 6
    names = Table.from_records([{"id": row["id"]} for row in rows])
    with pytest.raises(BadData, match="tells rows apart and comes again, got id"):
        TableEncoder.fit(names, torch.arange(150))


def test_parquet_numbers_keep_their_kinds(tmp_path):
    frame = pandas.DataFrame(
        {
            "whole": pandas.array([1, None, 3], dtype="Int64"),
            "real": [0.5, float("nan"), 2.0],
            "small": np.array([1, 2, 3], dtype=np.uint8),
            "none": pandas.array([None, None, None], dtype="Int64"),
            "truth": pandas.array([True, None, False], dtype="boolean"),
        }
    )
    frame.to_parquet(tmp_path / "t.parquet")
    for table in (read_parquet(tmp_path / "t.parquet").table, frame_columns(frame).table):
        kinds = [column.kind for column in table.columns]
        whole, real = ColumnKind.WHOLE, ColumnKind.NUMBER
        assert kinds == [whole, real, whole, real, ColumnKind.TRUTH]
        np.testing.assert_array_equal(table.columns[0].values, [1, np.nan, 3])
        np.testing.assert_array_equal(table.columns[1].values, [0.5, np.nan, 2])
        assert all(column.values.dtype == np.float64 for column in table.columns)


def test_one_class_can_be_read_where_the_kind_is_known(tmp_path):
    data = open_data(write(tmp_path / "t.csv", "x,y\n1,a\n2,a\n"), kind="binary")
    assert (data.target.kind, data.target.names) == (TargetKind.BINARY, ("a",))
    assert data.target.values.tolist() == [0, 0]


def test_only_the_words_among_numbers_are_named():
    encoder = TableEncoder.fit(Table.from_records([{"x": 1}, {"x": 2}]), torch.arange(2))
    with pytest.raises(BadData, match=r"text in row 2 \('abc'\)\. Write"):
        encoder.encode(Table.from_records([{"x": "1"}, {"x": "abc"}, {"x": "2"}]))
    with pytest.raises(BadData, match=r"text in row 1 \('1'\), row 2 \('2'\)\. Write"):
        encoder.encode(Table.from_records([{"x": "1"}, {"x": "2"}]))
