"""The page in a real browser, on a floor that has lived for some months."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from fluxfloor.contracts.views import AlertRecord
from fluxfloor.runtime.settings import SafetySettings, Settings

from tests.support.api_floor import PASSWORD, SETTINGS, ApiFloor, served
from tests.support.floor_story import account, fill_floor

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (apt-get install chromium)"),
]
sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect


@dataclass
class Seat:
    """A browser in front of a floor. `wrong` is whatever the browser complained about."""

    house: ApiFloor
    base: str
    browser: sync_api.Browser
    wrong: list[str] = field(default_factory=list)

    def page(self, width: int = 1440, height: int = 900, scheme: str = "dark") -> sync_api.Page:
        page = self.browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
        page.set_default_timeout(8_000)
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("console", lambda told: self.wrong.append(told.text) if "Security Policy" in told.text else None)
        return page

    def sit(self, **looks: object) -> sync_api.Page:
        """Logged in by a ticket, with the overview shown."""
        page = self.page(**looks)  # type: ignore[arg-type]
        page.goto(f"{self.base}/login?ticket={self.house.ticket()}")
        page.wait_for_selector("#foot a")
        return page


@pytest.fixture(scope="module")
def browser() -> Iterator[sync_api.Browser]:
    with sync_api.sync_playwright() as driver:
        made = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture
def empty(tmp_path: Path, browser: sync_api.Browser) -> Iterator[Seat]:
    settings = Settings.model_validate({**SETTINGS, "api": {"public_url": "http://localhost", "poll_ms": 500}})
    house = ApiFloor(tmp_path, settings)
    with served(house) as base:
        seat = Seat(house, base, browser)
        yield seat
        for context in browser.contexts:
            context.close()
    house.close()
    assert seat.wrong == []


@pytest.fixture
def seat(empty: Seat) -> Seat:
    fill_floor(empty.house)
    return empty


def test_a_person_logs_in_and_out(seat: Seat) -> None:
    page = seat.page()
    page.goto(seat.base)
    page.fill("[name=password]", "wrong")
    page.press("[name=password]", "Enter")
    expect(page.locator("#login-problem")).to_contain_text("do not match")
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    expect(page.locator(".tile .value").first).to_contain_text("USDT")
    page.reload()
    expect(page.locator(".tile .value").first).to_contain_text("USDT")
    page.click("#logout")
    expect(page.locator("#login-form")).to_be_visible()


def test_a_used_ticket_says_so(seat: Seat) -> None:
    page, address = seat.page(), f"{seat.base}/login?ticket={seat.house.ticket()}"
    page.goto(address)
    expect(page.locator("#mode")).to_have_text("PAPER")
    other = seat.page()
    other.goto(address)
    expect(other.locator("#login-problem")).to_contain_text("good for one login")


def test_the_page_shows_what_the_api_says(seat: Seat) -> None:
    page = seat.sit()
    told = seat.house.get("/v1/overview").json
    equity = float(told["accounts"][0]["tiles"][0]["value"])
    expect(page.locator(".tile .value").first).to_contain_text(f"{equity:,.2f}")
    assert page.locator("#positions tbody tr").count() == len(told["accounts"][0]["positions"])
    assert page.locator("#orders tbody tr").count() == len(told["orders"])
    assert page.locator(".decision").count() == len(told["decisions"])
    assert page.locator("#flow g").count() == len(told["flow"]["stages"])
    assert page.locator("#quarantine .item").count() == len(told["quarantine"])


def test_a_decision_unfolds_to_its_waterfall_and_stays_unfolded(seat: Seat) -> None:
    page = seat.sit()
    first = page.locator(".decision").first
    first.locator("button").first.focus()
    page.keyboard.press("Enter")
    expect(first.locator(".fall.binding .name")).to_have_text("Risk per trade")
    expect(first.locator(".fall.binding .amount")).to_have_text("0.0152 BTC")
    seat.house.tell(account(seat.house.clock.now_ms(), "12345.67", 5_000))
    expect(page.locator(".tile .value").first).to_contain_text("12,345.67")
    expect(page.locator(".decision").first.locator(".fall.binding")).to_be_visible()
    assert page.evaluate("document.activeElement.getAttribute('aria-expanded')") == "true"


def test_the_kill_switch_asks_then_halts_and_a_person_resumes(seat: Seat) -> None:
    page = seat.sit()
    page.click("#kill")
    page.keyboard.press("Escape")
    assert seat.house.get("/v1/halts").json["items"] == []
    page.click("#kill")
    page.fill("dialog [name=reason]", "a fill nobody knows")
    page.check("dialog [name=flatten]")
    page.click("dialog button[type=submit]")
    expect(page.locator(".halt")).to_contain_text("a fill nobody knows")
    (halt,) = seat.house.get("/v1/halts").json["items"]
    assert (halt["scope"], halt["flatten"]) == ("floor", True)
    page.click(".halt button")
    page.fill("dialog [name=reason]", "it is known now")
    page.click("dialog button[type=submit]")
    expect(page.locator(".halt")).to_have_count(0)
    assert seat.house.get("/v1/halts").json["items"] == []


def test_an_alarm_stays_until_somebody_acknowledges_it(seat: Seat) -> None:
    now_ms = seat.house.clock.now_ms()
    seat.house.put(
        AlertRecord(id="a1", severity="critical", title="Margin call: main", text="<b>92%</b>", ts_event_ms=now_ms)
    )
    page = seat.sit()
    expect(page.locator("#alarms .item")).to_contain_text("<b>92%</b>")
    page.click("#ack-a1")
    page.fill("dialog [name=note]", "I look")
    page.click("dialog button[type=submit]")
    expect(page.locator("#alarms-card")).to_be_hidden()
    (kept,) = seat.house.get("/v1/alerts").json["items"]
    assert (kept["acknowledged_by"], kept["note"]) == ("admin", "I look")


def test_a_position_is_left_and_an_order_taken_back_after_a_question(seat: Seat) -> None:
    page = seat.sit()
    sent: list[tuple[str, str]] = []
    page.on("request", lambda made: sent.append((made.url, made.post_data or "")) if made.method == "POST" else None)
    page.locator("#positions tbody button").first.click()
    page.keyboard.press("Escape")
    assert sent == []
    page.locator("#positions tbody button").first.click()
    page.fill("dialog [name=reason]", "before the news")
    page.click("dialog button[type=submit]")
    expect(page.locator(".toast").last).to_be_visible()
    page.locator("#orders tbody button").first.click()
    page.fill("dialog [name=reason]", "not any more")
    page.click("dialog button[type=submit]")
    page.wait_for_timeout(200)
    assert [url.rpartition("/v1/")[2].split("/")[0] for url, _ in sent] == ["positions", "orders"]
    assert '"reason":"before the news"' in sent[0][1]
    assert '"portfolio":"main"' in sent[0][1]
    assert sent[1][0].endswith("/cancel")


def test_a_live_floor_can_not_be_mistaken_for_another(empty: Seat) -> None:
    paper = empty.sit()
    expect(paper.locator("#live")).to_be_hidden()
    live = {"mode": "live", "safety": SafetySettings(paper_period_days=0)}
    object.__setattr__(
        empty.house.floor.runners["api"],
        "ports",
        replace(empty.house.floor.ports, settings=empty.house.floor.settings.model_copy(update=live)),
    )
    page = empty.sit()
    expect(page.locator("#live")).to_contain_text("real money")
    expect(page.locator("#mode")).to_have_text("LIVE")
    expect(page.locator(".warning")).to_contain_text("paper period is skipped")
    assert page.title().startswith("LIVE")


def test_a_held_message_is_released_after_a_question(seat: Seat) -> None:
    page = seat.sit()
    page.click("#quarantine .item button >> nth=0")
    expect(page.locator("dialog h2")).to_have_text("Release this message?")
    page.click("dialog button[type=submit]")
    expect(page.locator(".toast")).to_contain_text("takes it again")
    assert "quarantine.released" in [item["action"] for item in seat.house.get("/v1/audit").json["items"]]


def test_the_curve_answers_the_pointer_and_the_keys(seat: Seat) -> None:
    page = seat.sit()
    box = page.locator("#chart svg").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator(".tip")).to_contain_text("drawdown")
    page.mouse.move(5, 5)
    expect(page.locator(".tip")).to_be_hidden()
    page.focus("#chart svg")
    page.keyboard.press("Home")
    first = page.locator(".tip").inner_text()
    page.keyboard.press("ArrowRight")
    assert page.locator(".tip").inner_text() != first
    page.click("#ranges-1d")
    expect(page.locator("#ranges-1d")).to_have_attribute("aria-checked", "true")


def test_what_did_not_change_is_not_sent_again(seat: Seat) -> None:
    page = seat.sit()
    seen: list[int] = []
    page.on("response", lambda answer: seen.append(answer.status) if "overview" in answer.url else None)
    page.wait_for_timeout(1_800)
    assert seen.count(304) >= 2
    assert 200 not in seen


def test_a_floor_that_does_not_answer_is_said_to_be_away_and_comes_back(seat: Seat) -> None:
    page = seat.sit()
    page.route("**/v1/overview*", lambda route: route.abort())
    expect(page.locator("#trouble")).to_contain_text("does not answer")
    expect(page.locator(".tile .value").first).to_be_visible()
    page.unroute("**/v1/overview*")
    expect(page.locator("#trouble")).to_be_hidden()


def test_an_ended_session_leads_back_to_the_form(seat: Seat) -> None:
    page = seat.sit()
    page.context.clear_cookies()
    expect(page.locator("#login-form")).to_be_visible()


def test_an_empty_floor_says_what_will_come(empty: Seat) -> None:
    page = empty.sit()
    for place in ("#positions", "#orders", "#decisions", "#quarantine", "#risks", "#chart", "#tiles"):
        expect(page.locator(f"{place} .empty").first).to_be_visible()


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_nothing_hangs_over_the_edge_by_day_and_by_night(seat: Seat, scheme: str) -> None:
    page = seat.sit(scheme=scheme)
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    for width in (1440, 1024, 768, 400):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(200)  # the curve is drawn anew once the window rests
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.click("#theme")
    assert page.evaluate("document.documentElement.dataset.theme") != scheme
