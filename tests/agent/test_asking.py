"""Whatever a program writes into ``ask/`` is a question or is refused in words."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kolony_tui.agent.attempt.asking import Question, question_in
from kolony_tui.models.errors import UsageError

_WORDS = st.text(st.characters(), max_size=20)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS | st.sampled_from(["id", "label"]), inner),
    max_leaves=8,
)
_FIELDS = st.sampled_from(["title", "detail", "kind", "options", "risk", "expires_s"])


@given(st.dictionaries(_FIELDS, _VALUES) | _VALUES)
def test_any_document_is_a_question_that_can_be_stored_or_refused(document: object) -> None:
    try:
        question = question_in(document)
    except UsageError:
        return
    texts = [question.title, question.detail, question.kind, question.risk]
    texts += [value for option in question.options or [] for value in option.values()]
    assert all("\0" not in text and text.encode() is not None for text in texts)
    assert question.expires_seconds is None or 1 <= question.expires_seconds <= 31_536_000


def test_only_the_title_is_needed() -> None:
    assert question_in({"title": "go on?"}) == Question("permission", "go on?", "", None, "medium", None)
