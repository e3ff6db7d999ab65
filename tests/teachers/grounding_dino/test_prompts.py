import string

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import BertTokenizer

from gsam_edge.teachers.config import DetectionConfig
from gsam_edge.teachers.errors import ClassNameError
from gsam_edge.teachers.grounding_dino.prompts import compose_prompts, readable_name, refuse_equal_names
from gsam_edge.teachers.grounding_dino.tiny import FIXED_IDS, build_tiny_grounding_dino, build_vocabulary
from support.tiny import TINY_GROUNDING_DINO, original_grounding_dino

VOCABULARY = build_vocabulary(["ring", "star", "striped"])
TOKENIZER = BertTokenizer(vocab={piece: index for index, piece in enumerate(VOCABULARY)})


def bert_like():
    """A tokenizer as BERT's: whole words, word ends, single characters, and its ids of what separates."""
    words = ["bag", "ear", "of", "surface", "defect", "printed", "label", "bugel", "seal", "hook", "no", "part"]
    letters = [*string.ascii_lowercase, *string.digits, *"-_'\"(),/&%+#ßø"]
    pieces = [*words, "##s", "##ing", *letters, *(f"##{letter}" for letter in letters)]
    ids = iter(index for index in range(2000) if index not in FIXED_IDS.values())
    return BertTokenizer(vocab={**FIXED_IDS, **{piece: next(ids) for piece in pieces}}, do_lower_case=True)


BERT = bert_like()
BOTH = pytest.mark.parametrize("tokenizer", [TOKENIZER, BERT], ids=["tiny", "bert"])


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


def pieces(prompt, tokenizer):
    """The token ids of each span."""
    ids = tokenizer(prompt.text)["input_ids"]
    return [[ids[i] for i in span] for span in prompt.spans]


def alone(name, tokenizer):
    return tokenizer(readable_name(name), add_special_tokens=False)["input_ids"]


AWKWARD = [
    "bag",
    "ear of bag",
    "Ear-of-Bag",
    "bags",
    "BÜGEL",
    "No.5 seal?",
    '"hook"',
    "part's end",
    "label (left) / 50%",
]


@BOTH
def test_names_that_share_words_or_look_odd_have_the_tokens_they_have_alone(tokenizer):
    """Upper case, dots, umlauts, quotes, hyphens, brackets; an umlaut is read as its letter."""
    (prompt,) = compose_prompts(AWKWARD, tokenizer, 256)
    assert pieces(prompt, tokenizer) == [alone(name, tokenizer) for name in AWKWARD]
    assert alone("BÜGEL", tokenizer) == alone("bugel", tokenizer)
    separators = [i for i, token in enumerate(tokenizer(prompt.text)["input_ids"]) if token in (101, 102, 1012, 1029)]
    assert len(separators) == len(AWKWARD) + 2
    assert not set(separators) & {i for span in prompt.spans for i in span}


@BOTH
@pytest.mark.parametrize("name", ["bag 🙂", "👜"])
def test_a_name_with_signs_that_the_text_encoder_cannot_read_is_refused(name, tokenizer):
    with pytest.raises(ClassNameError, match="rename the category"):
        compose_prompts(["ring", name, "star"], tokenizer, 256)


@pytest.mark.parametrize("name", ["[SEP] bag", "bag [MASK]", "[CLS]"])
def test_the_name_of_a_special_token_is_read_letter_by_letter(name):
    (prompt,) = compose_prompts(["ring", name, "star"], TOKENIZER, 256)
    ids = TOKENIZER(prompt.text)["input_ids"]
    assert [ids.count(special) for special in (101, 102, 103, 1012)] == [1, 1, 0, 3]


@BOTH
@pytest.mark.parametrize("limit", [40, 100, 256])
def test_sixty_classes_fill_as_few_prompts_as_the_limit_allows(tokenizer, limit):
    names = [f"{kind} {number}" for kind in ("bag", "ear of bag", "Label") for number in range(20)]
    prompts = compose_prompts(names, tokenizer, limit)
    assert [class_id for prompt in prompts for class_id in prompt.class_ids] == list(range(60))
    lengths = [len(tokenizer(prompt.text)["input_ids"]) for prompt in prompts]
    assert max(lengths) <= limit
    for prompt in prompts:
        assert pieces(prompt, tokenizer) == [alone(names[class_id], tokenizer) for class_id in prompt.class_ids]
    for length, following in zip(lengths, prompts[1:], strict=False):
        assert length + len(alone(names[following.class_ids[0]], tokenizer)) + 1 > limit


@settings(max_examples=150)
@given(names=st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=5), bert=st.booleans())
def test_any_text_is_a_span_of_its_own_tokens_or_is_refused(names, bert):
    tokenizer = BERT if bert else TOKENIZER
    try:
        prompts = compose_prompts(names, tokenizer, 64)
    except ClassNameError:
        return
    spans = [span for prompt in prompts for span in pieces(prompt, tokenizer)]
    assert spans == [alone(name, tokenizer) for name in names]


@pytest.fixture(scope="module", params=["mm", "original"])
def detector(request):
    mm = build_tiny_grounding_dino(TINY_GROUNDING_DINO, ["ring", "star", "striped"], seed=0)
    return mm if request.param == "mm" else original_grounding_dino(mm.processor)


def test_the_text_encoder_reads_a_class_without_the_others(detector):
    """Whichever classes stand beside it, in whichever order: its attention ends at the full stops."""

    def features(names):
        (prompt,) = detector.prompts(names)
        text = {}
        hook = detector.model.model.text_backbone.register_forward_hook(
            lambda module, args, output: text.update(features=output.last_hidden_state)
        )
        detector.model(**detector.inputs([np.zeros((64, 64, 3), np.uint8)], [prompt.text]))
        hook.remove()
        return {
            names[class_id]: text["features"][0, list(span)]
            for class_id, span in zip(prompt.class_ids, prompt.spans, strict=True)
        }

    together = features(["striped ring", "star", "ring"])
    for names in (["ring"], ["ring", "striped ring", "star"], ["star", "ring"]):
        for name, wanted in features(names).items():
            torch.testing.assert_close(wanted, together[name], atol=1e-5, rtol=1e-5)


def test_the_order_of_the_classes_changes_nothing(detector):
    """Boxes stay, and each class keeps its scores. Fewer classes do change them: the image is fused with all."""
    names, order = ["striped ring", "star", "ring", "big star"], [2, 0, 3, 1]
    config = DetectionConfig(score_threshold=0, candidates=1000, nms_iou=1, max_detections=1000, batch_size=1)
    image = np.random.default_rng(0).integers(0, 256, (50, 64, 3), np.uint8)
    (one,) = detector.predict_batch([image], names, config)
    (other,) = detector.predict_batch([image], [names[row] for row in order], config)
    rows = [np.lexsort(found.xyxy.round(2).T) for found in (one, other)]
    np.testing.assert_allclose(one.xyxy[rows[0]], other.xyxy[rows[1]], atol=1e-2)
    np.testing.assert_allclose(one.class_scores[rows[0]][:, order], other.class_scores[rows[1]], atol=1e-4)
