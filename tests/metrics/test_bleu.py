import pytest
import sacrebleu
import torch
from metric_cases import COUNT, texts
from torchmetrics.functional.text import bleu_score

from netwright._errors import BadType, BadValue
from netwright.metrics.base import Prediction
from netwright.metrics.bleu import Bleu


def joined(case):
    answers = [" ".join(one) for one in case.prediction.outputs]
    return answers, [[" ".join(one) for one in both] for both in case.targets]


@pytest.mark.parametrize("longest", [1, 2, 4])
def test_is_sacrebleus_of_the_corpus(longest):
    case = texts()
    answers, wanted = joined(case)
    judge = Bleu(max_n=longest)
    judge.update(case.prediction, case.targets)
    theirs = sacrebleu.BLEU(tokenize="none", max_ngram_order=longest, smooth_method="none")
    score = theirs.corpus_score(answers, [list(one) for one in zip(*wanted, strict=True)]).score
    assert judge.compute() == pytest.approx(score / 100, abs=1e-12)
    assert 0.05 < judge.compute() < 0.95


def test_texts_are_cut_at_blanks_and_numbers_are_tokens_too():
    case = texts()
    answers, wanted = joined(case)
    numbered = [torch.tensor([ord(word) for word in one]) for one in case.prediction.outputs]
    references = [[[ord(word) for word in one] for one in both] for both in case.targets]
    figures = []
    for given, targets in ((case.prediction.outputs, case.targets), (answers, wanted)):
        judge = Bleu()
        judge.update(Prediction(outputs=given), targets)
        figures.append(judge.compute())
    judge = Bleu()
    judge.update(Prediction(outputs=numbered), references)
    assert figures == [judge.compute()] * 2


@pytest.mark.parametrize("rows", [range(COUNT), range(3)])
def test_added_counts_are_sacrebleus(rows):
    prediction, targets, _ = texts().rows(list(rows))
    judge = Bleu(added=1)
    judge.update(prediction, targets)
    answers = [" ".join(one) for one in prediction.outputs]
    wanted = [[" ".join(one) for one in both] for both in targets]
    theirs = sacrebleu.BLEU(tokenize="none", smooth_method="add-k", smooth_value=1)
    score = theirs.corpus_score(answers, [list(one) for one in zip(*wanted, strict=True)]).score
    assert judge.compute() == pytest.approx(score / 100, abs=1e-12)
    if len(answers) == COUNT:  # theirs is 0 where a length has no match, whatever is added
        smooth = float(bleu_score(answers, wanted, smooth=True))
        assert judge.compute() == pytest.approx(smooth, rel=1e-5)


def test_the_papers_example_of_a_word_that_is_repeated():
    judge = Bleu(max_n=1)
    judge.update(
        Prediction(outputs=["the the the the the the the"]),
        [["the cat is on the mat", "there is a cat on the mat"]],
    )
    assert judge.compute() == pytest.approx(2 / 7)


@pytest.mark.parametrize(("answer", "wanted"), [("a b", 0.0), ("", None)])
def test_short_answers(answer, wanted):
    judge = Bleu()
    judge.update(Prediction(outputs=[answer]), ["a b c"])
    if wanted is None:
        with pytest.raises(BadValue, match="at least one answer"):
            judge.compute()
    else:
        assert judge.compute() == wanted


def test_tokens_where_references_should_be_are_refused():
    with pytest.raises(BadType, match="into a list of one"):
        Bleu().update(Prediction(outputs=[[1, 2]]), [[1, 2]])
