"""A notice in each channel's markup: escaped, and never longer than the channel takes."""

from __future__ import annotations

import re
from html import unescape
from typing import get_args

import pytest
from fluxfloor.reporting.markup import MARKUPS, render
from fluxfloor.reporting.notices import Words
from fluxfloor.runtime.settings import Channel
from hypothesis import given
from hypothesis import strategies as st

LONG = st.sampled_from(["a", "&", "<b>", "🙂", "é", "\n", "*", "_"]).flatmap(
    lambda piece: st.integers(0, 6_000).map(lambda count: piece * count)
)


def test_every_kind_of_channel_has_a_markup() -> None:
    assert set(MARKUPS) == set(get_args(Channel.model_fields["kind"].annotation))


def test_telegram_gets_html_with_only_the_floors_own_tags() -> None:
    _, body = render("telegram", "critical", Words("A <b> & B", "1 < 2 & <script>alert()</script>"))
    assert body == "<b>CRITICAL: A &lt;b&gt; &amp; B</b>\n1 &lt; 2 &amp; &lt;script&gt;alert()&lt;/script&gt;"


def test_slack_can_not_be_made_to_call_everybody() -> None:
    _, body = render("slack", "warning", Words("Mismatch", "<!channel> <@U123> <https://evil.example|here>"))
    assert body == "*Warning: Mismatch*\n&lt;!channel&gt; &lt;@U123&gt; &lt;https://evil.example|here&gt;"


def test_an_email_has_the_title_as_its_subject() -> None:
    subject, body = render("email", "info", Words("Order filled", "BUY 1 <&>"))
    assert subject == "[fluxfloor] Order filled"
    assert body == "BUY 1 <&>"


@given(title=LONG, text=LONG)
def test_no_body_is_longer_than_telegram_counts_and_no_entity_is_cut(title: str, text: str) -> None:
    _, body = render("telegram", "info", Words(title, text))
    assert len(body.encode("utf-16-le")) // 2 <= 4_096
    assert not re.search(r"&(?!amp;|lt;|gt;)", body)
    assert body.count("<b>") == body.count("</b>") == 1
    assert not re.search(r"<(?!/?b>)", body)


@pytest.mark.parametrize("kind", sorted(MARKUPS))
@given(title=LONG, text=LONG)
def test_every_channel_keeps_to_its_limits(kind: str, title: str, text: str) -> None:
    markup = MARKUPS[kind]
    subject, body = render(kind, "critical", Words(title, text))
    assert markup.length(body) <= markup.limit
    assert len(subject) <= markup.subject_limit


@given(title=st.text(max_size=80), text=st.text(max_size=500))
def test_what_fits_arrives_whole(title: str, text: str) -> None:
    _, body = render("telegram", "info", Words(title, text))
    assert unescape(body) == f"<b>{title}</b>\n{text}"


def test_a_cut_text_ends_with_an_ellipsis() -> None:
    _, body = render("slack", "info", Words("T", "x" * 5_000))
    assert body.endswith("x…")
    assert len(body) == 4_000
