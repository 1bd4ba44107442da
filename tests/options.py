"""Values of options for property tests, as people write them."""

from __future__ import annotations

from hypothesis import strategies as st

from svc0.config import OPTIONS, LogName, Option, Value


def value_of(option: Option) -> st.SearchStrategy[Value]:
    """Any that it takes; the ends more often than others."""
    if option.names:
        return st.sampled_from([str(name) for name in LogName])
    if isinstance(option.default, int):
        ends = st.sampled_from([option.low, option.high])
        return ends | st.integers(option.low, option.high)
    most = option.size - 1 - (100 if option.is_path else 0)  # and the file is in some folder
    letters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
    texts = st.text(letters, max_size=99)
    return texts.map(lambda text: text.encode()[:most].decode(errors="ignore"))


def settings() -> st.SearchStrategy[dict[str, Value]]:
    """Some options, or all, or none, in any order."""
    names = st.lists(st.sampled_from(list(OPTIONS)), unique=True)
    return names.flatmap(
        lambda chosen: st.fixed_dictionaries({name: value_of(OPTIONS[name]) for name in chosen})
    )
