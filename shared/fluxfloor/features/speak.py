"""A closed bar makes the floor's own strategies speak: features, then wishes, then signals like anybody's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Protocol

from fluxfloor.contracts import ids
from fluxfloor.contracts.events import CandleClosed, RiskRaised
from fluxfloor.contracts.instruments import TIMEFRAME_MS, Candle, Quote
from fluxfloor.contracts.signals import Action, Direction, Leg, OrderType, Signal
from fluxfloor.contracts.state import FeatureRow, Holding, Pending, Stances
from fluxfloor.features import second_opinion
from fluxfloor.features.compute import Bars, FeatureSet, compute
from fluxfloor.features.noise import NoiseFilter
from fluxfloor.features.positions import holding_key, split_key, unprepared, with_holding
from fluxfloor.features.screening import held_back
from fluxfloor.strategies import Compiled, Strategy, Trail, Wish, build, followed, following, protective_stop, trailed
from fluxfloor.strategies.trial import weighed, weight_of

SENDER = "floor"
FORMAT = "strategy"
PENDING_BARS = 4  # a signal that nobody has answered for so long is taken for lost, and wishing begins again


@dataclass(frozen=True, slots=True)
class Voice:
    """One of the floor's own strategies: who it speaks as, on which symbols (none named: all), and what its entries
    must pass."""

    key: str
    strategy: Strategy
    symbols: tuple[str, ...] = ()
    noise: NoiseFilter | None = None
    breakout: bool = False
    prepares: bool = False

    def speaks_on(self, instrument_id: str) -> bool:
        return not self.symbols or instrument_id.partition(":")[2] in self.symbols


@dataclass(frozen=True, slots=True)
class Heard:
    """What a bar brought: documents to write (None: nothing new), signals to send, and entries that were held back."""

    stances: Stances
    row: FeatureRow | None = None
    signals: tuple[Signal, ...] = ()
    filtered: tuple[RiskRaised, ...] = ()


@dataclass(frozen=True, slots=True)
class Around:
    """What else is known on a bar's close: features from other timeframes and of the second opinion, and the newest
    quote. contradicted_share: what is left of an entry's size where the second opinion contradicts the regime."""

    features: Mapping[str, float] = field(default_factory=dict)
    quote: Quote | None = None
    contradicted_share: Decimal = Decimal(1)


ALONE = Around()


class VoiceSettings(Protocol):
    """What the settings say of one strategy."""

    @property
    def plugin(self) -> str: ...
    @property
    def portfolio(self) -> str: ...
    @property
    def symbols(self) -> tuple[str, ...]: ...
    @property
    def params(self) -> Mapping[str, float]: ...
    @property
    def noise(self) -> str: ...  # "off", "on" or "breakout"
    @property
    def prepare(self) -> bool: ...
    @property
    def enabled(self) -> bool: ...


def voices(settings: Mapping[str, VoiceSettings], noise: NoiseFilter | None = None) -> tuple[Voice, ...]:
    """The enabled strategies, by their id. Raises Misconfigured for an unknown plug-in or a bad parameter."""
    return tuple(
        Voice(
            holding_key(item.portfolio, strategy_id), build(item.plugin, item.params), item.symbols,
            None if item.noise == "off" else noise or NoiseFilter(), item.noise == "breakout",
            item.prepare,
        )
        for strategy_id, item in settings.items()
        if item.enabled
    )  # fmt: skip


def hear(
    closed: CandleClosed, bars: Bars, stances: Stances | None, speakers: tuple[Voice, ...], now_ms: int,
    around: Around = ALONE,
) -> Heard:  # fmt: skip
    """Features of the bar, and what follows from it. A bar that is not newer than the last one heard brings nothing.

    bars: the instrument's hot window, (n, 6). While features are warming up only stops and take-profits speak.
    """
    candle = closed.candle
    stances = stances or Stances(id=candle.instrument_id)
    if closed.close_ms <= stances.last_close_ms:
        return Heard(stances)
    features = compute(bars, candle.open_ms)
    stances = stances.model_copy(update={"last_close_ms": closed.close_ms})
    row, values = None, None
    if isinstance(features, FeatureSet):
        values = {**features.values, **around.features}
        values.update(second_opinion.compared(values))
        row = FeatureRow(
            id=candle.instrument_id, close_ms=closed.close_ms, features_version=features.version, values=values
        )
    stances, signals, filtered = _speak(closed, values, stances, speakers, now_ms, around)
    return Heard(stances, row, signals, filtered)


def _speak(
    closed: CandleClosed, values: dict[str, float] | None, stances: Stances, speakers: tuple[Voice, ...], now_ms: int,
    around: Around,
) -> tuple[Stances, tuple[Signal, ...], tuple[RiskRaised, ...]]:  # fmt: skip
    signals, filtered = [], []
    by_key = {voice.key: voice for voice in speakers if voice.speaks_on(closed.candle.instrument_id)}
    for key in sorted({*by_key, *stances.holdings}):
        voice, before = by_key.get(key), stances.holdings.get(key, Holding())
        holding = _brought_up(before, voice, closed)
        asked = unprepared(holding, closed.close_ms)
        wish = _wish(voice, values, closed.candle, asked)
        noise = _noise(voice, wish, values, closed, around.quote, now_ms)
        if noise is not None:
            filtered.append(noise)
            wish = None
        if asked is not holding and isinstance(wish, Wish):
            holding = asked  # what was prepared is this wish's now
        elif asked is not holding:
            signals.append(_taken_back(key, closed, now_ms))
        if wish is None:
            holding = following(holding)
        elif isinstance(wish, Trail):
            holding = trailed(holding, exact(wish.stop_price))
        else:
            wish = _doubted(wish, values, around.contradicted_share)
            signal = signal_of(key, wish, voice, holding, closed, now_ms)
            pending = Pending(exit=wish.action is Action.EXIT, since_ms=closed.close_ms)
            holding = holding.model_copy(update={"pending": {**holding.pending, signal.signal_id: pending}})
            signals.append(signal)
        if wish is not None or (holding is not before and key in stances.holdings):
            stances = with_holding(stances, key, holding)
    return stances, tuple(signals), tuple(filtered)


def _brought_up(before: Holding, voice: Voice | None, closed: CandleClosed) -> Holding:
    """The holding as the bar's close finds it, before anybody is asked."""
    holding = followed(closed.candle, _awake(before, closed), exact(closed.candle.close))
    strategy = voice.strategy if voice is not None else None
    if isinstance(strategy, Compiled) and strategy.on_trial:
        holding = weighed(holding, strategy.modes, closed.close_ms)
    return holding


def _wish(
    voice: Voice | None, values: dict[str, float] | None, candle: Candle, holding: Holding
) -> Wish | Trail | None:
    """The position's own stop goes before what its strategy thinks."""
    wish: Wish | Trail | None = protective_stop(candle, holding)
    if wish is None and voice is not None and values is not None:
        wish = voice.strategy.decide(values, candle, holding)
    return wish


def _noise(
    voice: Voice | None, wish: Wish | Trail | None, values: dict[str, float] | None, closed: CandleClosed,
    quote: Quote | None, now_ms: int,
) -> RiskRaised | None:  # fmt: skip
    """Why this wish is held back, if it is: only entries are, and only of strategies that ask for it."""
    if voice is None or voice.noise is None or values is None:
        return None
    if not isinstance(wish, Wish) or wish.action is not Action.ENTRY:
        return None
    strategy_id = split_key(voice.key)[1]
    return held_back(voice.noise, voice.breakout, strategy_id, values, closed, quote, now_ms)


def _doubted(wish: Wish, values: dict[str, float] | None, share: Decimal) -> Wish:
    """An entry says what contradicts it first, and is the smaller for it if the settings want that."""
    told = second_opinion.told(values or {})
    if not told or wish.action is not Action.ENTRY:
        return wish
    size = wish.size_factor * float(share)
    return replace(wish, size_factor=size, explanation={"second_opinion": told, **wish.explanation})


def _awake(holding: Holding, closed: CandleClosed) -> Holding:
    """The holding without signals that were given up."""
    limit_ms = PENDING_BARS * TIMEFRAME_MS[closed.candle.timeframe]
    pending = {name: item for name, item in holding.pending.items() if closed.close_ms - item.since_ms < limit_ms}
    return holding if len(pending) == len(holding.pending) else holding.model_copy(update={"pending": pending})


def _taken_back(key: str, closed: CandleClosed, now_ms: int) -> Signal:
    """The closed bar does not want what was prepared."""
    (portfolio_id, strategy_id), instrument_id = split_key(key), closed.candle.instrument_id
    return Signal(
        signal_id=ids.digest("unprepared", key, instrument_id, closed.close_ms), sender_id=SENDER,
        strategy_id=strategy_id, portfolio_id=portfolio_id, format=FORMAT, action=Action.CANCEL,
        legs=(Leg(instrument_id=instrument_id, direction=Direction.FLAT),), ts_event_ms=closed.close_ms,
        ts_received_ms=now_ms, explanation={"trigger": "not confirmed by the close"},
    )  # fmt: skip


def signal_of(key: str, wish: Wish, voice: Voice | None, holding: Holding, closed: CandleClosed, now_ms: int) -> Signal:
    candle = closed.candle
    portfolio_id, strategy_id = split_key(key)
    entering = voice is not None and wish.action is Action.ENTRY
    waits_ms = TIMEFRAME_MS[candle.timeframe] if wish.limit_price is not None else None
    return Signal(
        signal_id=ids.digest("signal", key, candle.instrument_id, closed.close_ms, wish.action),
        sender_id=SENDER,
        strategy_id=strategy_id,
        portfolio_id=portfolio_id,
        format=FORMAT,
        action=wish.action,
        legs=(_leg(candle.instrument_id, wish),),
        ts_event_ms=closed.close_ms,
        ts_received_ms=now_ms,
        reference_price=exact(candle.close),
        fallback_alpha=exact(voice.strategy.expected_alpha) if voice is not None and entering else None,
        size_factor=exact(wish.size_factor) * weight_of(holding, wish.tag),
        expires_ms=None if waits_ms is None else closed.close_ms + waits_ms,
        bar_close_ms=closed.close_ms,
        tag=wish.tag if entering else holding.tag,
        explanation=dict(wish.explanation),
    )


def _leg(instrument_id: str, wish: Wish) -> Leg:
    def price(value: float | None) -> Decimal | None:
        return None if value is None else exact(value)

    return Leg(
        instrument_id=instrument_id,
        direction=wish.direction,
        order_type=OrderType.MARKET if wish.limit_price is None else OrderType.LIMIT,
        limit_price=price(wish.limit_price),
        stop_loss=price(wish.stop_price),
        take_profit=price(wish.take_profit),
    )


def exact(value: float) -> Decimal:
    """A float as the Decimal it is printed as, to 10 significant digits: beyond that a price means nothing."""
    return Decimal(f"{value:.10g}")


__all__ = ["Around", "Heard", "Voice", "exact", "hear", "voices"]
