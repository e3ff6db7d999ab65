import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import BertTokenizer

from gsam_edge.teachers.errors import ClassNameError
from gsam_edge.teachers.grounding_dino.prompts import compose_prompts, readable_name, refuse_equal_names
from gsam_edge.teachers.grounding_dino.tiny import build_vocabulary

VOCABULARY = build_vocabulary(["ring", "star", "striped"])
TOKENIZER = BertTokenizer(vocab={piece: index for index, piece in enumerate(VOCABULARY)})


def spelled(prompt):
    """The text of each span's tokens, pieces put together."""
    tokens = TOKENIZER.convert_ids_to_tokens(TOKENIZER(prompt.text)["input_ids"])
    return ["".join(tokens[i].removeprefix("##") for i in span) for span in prompt.spans]


def test_one_prompt_names_all_classes_in_order():
    (prompt,) = compose_prompts(["ear of bag", "surface defect", "printed label"], TOKENIZER, 256)
    assert prompt.text == "ear of bag. surface defect. printed label."
    assert prompt.class_ids == (0, 1, 2)
    assert spelled(prompt) == ["earofbag", "surfacedefect", "printedlabel"]


def test_case_separators_and_spaces_do_not_reach_the_model():
    assert readable_name("  No. 5  Really?Good ") == "no 5 really good"
    (prompt,) = compose_prompts(["No.5", "A-B (c)"], TOKENIZER, 256)
    assert prompt.text == "no 5. a-b (c)."
    assert spelled(prompt) == ["no5", "a-b(c)"]


def test_a_name_that_begins_another_and_one_that_comes_twice_have_spans_of_their_own():
    (prompt,) = compose_prompts(["bag", "bag ring", "Bag", "ring"], TOKENIZER, 256)
    assert spelled(prompt) == ["bag", "bagring", "bag", "ring"]
    positions = [position for span in prompt.spans for position in span]
    assert len(set(positions)) == len(positions)


@pytest.mark.parametrize("other", ["bag", "BAG", "b\u00e4g", "ba\u0308g", "bag.", " bag", "ba\u200bg"])
def test_names_of_equal_tokens_are_refused(other):
    refuse_equal_names(["bag", "bags", "ring"], TOKENIZER)
    with pytest.raises(ClassNameError, match=r"got 'bag' and .* the same tokens"):
        refuse_equal_names(["bag", "ring", other], TOKENIZER)


def test_more_classes_than_the_limit_holds_are_split_in_order():
    names = [f"star {number}" for number in range(10)]
    prompts = compose_prompts(names, TOKENIZER, 14)
    assert [class_id for prompt in prompts for class_id in prompt.class_ids] == list(range(10))
    assert len(prompts) > 1
    for prompt in prompts:
        assert len(TOKENIZER(prompt.text)["input_ids"]) <= 14
        assert spelled(prompt) == [names[class_id].replace(" ", "") for class_id in prompt.class_ids]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "at least one, got none"),
        (["ring", " .? "], "at least one letter or digit, got ' .. '"),
        (["ring" * 20], r"at most 11 tokens, got \d+ for 'ringring"),
        (["袋"], "can spell, got '袋'; rename the category"),
        (["ring", "straße"], "can spell, got 'straße'; rename the category"),
        (["ring", "\u200b"], r"at least one character .* got '\\u200b'; rename the category"),
        (["\u00ad \u200b"], r"at least one character .* got '\\xad \\u200b'; rename the category"),
    ],
)
def test_names_that_cannot_be_asked_for_are_refused(names, message):
    with pytest.raises(ClassNameError if names else ValueError, match=message):
        compose_prompts(names, TOKENIZER, 14)


NAMES = st.lists(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=15), min_size=1)


@settings(max_examples=200, deadline=None)
@given(NAMES.filter(lambda names: all(name.replace(".", "").replace("?", "").strip() for name in names)))
def test_every_ascii_name_has_a_span_that_spells_it(names):
    for prompt in compose_prompts(names, TOKENIZER, 64):
        assert spelled(prompt) == [readable_name(names[class_id]).replace(" ", "") for class_id in prompt.class_ids]
