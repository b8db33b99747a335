// Positions and orders.

import { h } from "./dom.js";
import { exactly, grouped, money, percent, symbol, when, words } from "./format.js";

const sign = (value) => (Number(value) > 0 ? "gain" : Number(value) < 0 ? "loss" : "flat");
const head = (...names) => h("thead", {}, h("tr", {}, names.map((name) =>
  h(`th${name.startsWith(">") ? ".right" : ""}`, { scope: "col" }, name.replace(">", "")))));

export function positions(account, leave) {
  if (!account?.positions.length) return empty("Nothing is open.", "A position shows here with its first fill.");
  return h("table", {}, head("Instrument", ">Quantity", ">Entry", ">Mark", ">Value", ">Open P&L", "Held by", ""),
    h("tbody", {}, account.positions.map((item) => h("tr", {},
      h("td", {}, h("b", {}, symbol(item.instrument_id)), h("small", {}, item.direction.toLowerCase())),
      h("td.right", {}, grouped(item.quantity)),
      h("td.right", {}, grouped(item.average_price)),
      h("td.right", {}, grouped(item.mark_price)),
      h("td.right", {}, money(item.notional), h("small", {}, `${percent(item.weight)} of equity`)),
      h(`td.right.${sign(item.unrealised)}`, {}, money(item.unrealised, true), h("small", {}, percent(item.profit_fraction, true))),
      h("td", {}, item.strategies.map((share) => h("div", {}, words(share.strategy_id),
        share.stop_price ? h("small", {}, `${share.quantity}, stop ${grouped(share.stop_price)}`) : h("small", {}, share.quantity)))),
      h("td.right", {}, h("button.small", { type: "button", id: `exit-${item.instrument_id}`, "aria-label": `Leave ${symbol(item.instrument_id)}`,
        onclick: () => leave({ portfolio: account.portfolio_id, instrument: item.instrument_id }, symbol(item.instrument_id)) }, "Exit")),
    ))), account.positions.length > 1 ? h("tfoot", {}, h("tr", {}, h("td.right", { colspan: 8 },
      h("button.small", { type: "button", id: "exit-all", onclick: () => leave({ portfolio: account.portfolio_id }, "all positions") }, "Exit all")))) : "");
}

const LOOKS = { filled: "good", rejected: "bad", expired: "warn", cancelled: "", unknown: "warn" };

export function orders(items, takeBack) {
  if (!items.length) return empty("No orders yet.", "The first accepted decision brings one.");
  return h("table", {}, head("Time (UTC)", "Order", ">Filled", ">Average price", "State", "Strategy"),
    h("tbody", {}, items.map((item) => h("tr", {},
      h("td", { title: exactly(item.ts_event_ms) }, when(item.ts_event_ms)),
      h("td", {}, h(`span.${item.side.toLowerCase()}`, {}, item.side), ` ${symbol(item.instrument_id)}`,
        h("small", {}, `${item.quantity}, ${item.purpose}`)),
      h("td.right", {}, `${Math.round(item.done * 100)}%`, h("span.fill", {}, h("i", { "width%": item.done }))),
      h("td.right", {}, item.average_price ? grouped(item.average_price) : "–"),
      h("td", {}, h(`span.pill.${LOOKS[item.state] ?? "going"}`, {}, words(item.state)),
        item.reason ? h("small.why", {}, item.reason) : "", item.attempt > 1 ? h("small", {}, `attempt ${item.attempt}`) : "",
        item.ended ? "" : h("button.small", { type: "button", id: `cancel-${item.intent_id}`, onclick: () => takeBack(item) }, "Cancel")),
      h("td", {}, words(item.strategy_id)),
    ))));
}

export const empty = (title, text) => h("p.empty", {}, h("b", {}, title), text);
