// Decisions, each with its waterfall: a bar for what every limit would allow, the binding one lit.

import { h } from "./dom.js";
import { exactly, grouped, money, percent, symbol, when, words } from "./format.js";
import { empty } from "./tables.js";

const open = new Set(); // which decisions the reader has unfolded; kept over every refresh

export function decisions(items, whole) {
  if (!items.length) return empty("No decisions yet.", "Every signal ends in one, accepted or refused, with its reason.");
  return items.map((item) => row(item, whole));
}

function row(item, whole) {
  const body = h("div.body", { id: `body-${item.decision_id}`, hidden: !open.has(item.decision_id) });
  const fill = () => body.childElementCount || body.append(...details(item, whole));
  if (!body.hidden) fill();
  const button = h("button", { type: "button", id: `decision-${item.decision_id}`, "aria-expanded": String(!body.hidden),
    "aria-controls": body.id, onclick: () => {
      body.hidden = !body.hidden;
      open[body.hidden ? "delete" : "add"](item.decision_id);
      button.setAttribute("aria-expanded", !body.hidden);
      fill();
    } },
    h(`span.pill.${item.verdict === "accepted" ? "good" : "warn"}`, {}, item.verdict),
    h("span.what", {}, headline(item)),
    h("span.when", { title: exactly(item.ts_event_ms) }, when(item.ts_event_ms)),
    h("span.text", {}, item.text));
  return h("article.decision", {}, button, body);
}

function headline(item) {
  const who = ` · ${words(item.strategy_id)}`;
  if (item.verdict !== "accepted") return `${symbol(item.instrument_id)}: ${item.reason_label.toLowerCase()}${who}`;
  return [h(`span.${item.side.toLowerCase()}`, {}, item.side), ` ${item.quantity}${who}`];
}

function details(item, whole) {
  const facts = [
    ["Notional", item.notional && money(item.notional)],
    ["Price", item.price && grouped(item.price)],
    ["Expected", item.expected_alpha && percent(item.expected_alpha)],
    ["Costs take", item.slippage_share && `${percent(item.slippage_share)} of it`],
    ["From", item.sender_id],
  ].filter(([, value]) => value);
  return [
    item.waterfall.length ? h("div.falls", { role: "list", "aria-label": "What each limit would allow" }, item.waterfall.map(bar)) : null,
    h("div.facts", {}, facts.map(([name, value]) => h("span", {}, `${name} `, h("b", {}, value))),
      h("button.small", { type: "button", onclick: () => whole(item.signal_id) }, "Whole story")),
  ].filter(Boolean);
}

function bar(limit) {
  const looks = limit.passed ? (limit.binding ? ".binding" : "") : ".refusing";
  const amount = h("span.amount", {}, limit.passed ? limit.allows || "passes" : "refuses");
  const name = h("span.name", {}, limit.label);
  if (limit.share === null) return h(`div.fall${looks}`, { role: "listitem" }, name, h("span.only", {}, limit.note), amount);
  const track = h(`span.track${limit.beyond ? ".beyond" : ""}`, {}, h("i", { "width%": limit.share }));
  const note = limit.note + (limit.binding && limit.passed ? " · this one binds" : "");
  return h(`div.fall${looks}`, { role: "listitem" }, name, track, amount, h("span.say", {}, note));
}
