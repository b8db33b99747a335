// The rest of the page: tiles, halts, quarantine, risks, and what stands while nothing is loaded.

import { h } from "./dom.js";
import { exactly, grouped, money, percent, when, words } from "./format.js";
import { empty } from "./tables.js";

const VALUES = { money: (tile) => money(tile.value, tile.sign !== 0), fraction: (tile) => percent(tile.value), count: (tile) => grouped(tile.value) };

export function tiles(account) {
  return account.tiles.map((tile) => {
    const color = tile.sign > 0 ? ".gain" : tile.sign < 0 ? ".loss" : "";
    return h(`div.tile.${tile.level}`, {}, h("h3", {}, tile.label),
      h(`div.value${color}`, {}, VALUES[tile.unit](tile), tile.unit === "money" ? h("small", {}, account.currency) : ""),
      h("p", {}, tile.detail),
      tile.used === null ? "" : h("div.gauge", { role: "meter", "aria-label": `${tile.label}, share of its limit`,
        "aria-valuemin": 0, "aria-valuemax": 1, "aria-valuenow": tile.used }, h("i", { "width%": tile.used })));
  });
}

export function halts(items, resume) {
  return items.map((item) => h("div.halt", {},
    h("strong", {}, `HALTED: ${item.scope}`),
    h("span", {}, `${item.reason} · by ${item.raised_by}, ${when(item.ts_event_ms)} UTC${item.flatten ? " · flattening what is open" : ""}`),
    h("button.small", { type: "button", id: `resume-${item.scope}`, onclick: () => resume(item) }, "Resume")));
}

export function quarantine(items, release) {
  if (!items.length) return empty("Nothing is held.", "A message that can't be handled waits here, with its reason, until a person releases it.");
  return items.map((item) => h("div.item", {},
    h("span.pill.warn", {}, item.stage),
    h("span.what", {}, h("span.clamp", { title: item.error }, item.error), h("small", {}, `${item.type || "unreadable message"} · ${words(item.reason)}`)),
    h("span.when", { title: exactly(item.at_ms) }, when(item.at_ms), h("br"),
      item.releasable ? h("button.small", { type: "button", id: `release-${item.quarantine_id}`, onclick: () => release(item) }, "Release") : "")));
}

export function alarms(items, acknowledge) {
  return items.map((item) => h("div.item", {},
    h("span.pill.bad", {}, "alarm"),
    h("span.what", {}, h("b", {}, item.title), h("small", {}, item.text), item.folded ? h("small", {}, `${grouped(item.folded)} more like it`) : ""),
    h("span.when", { title: exactly(item.ts_event_ms) }, when(item.ts_event_ms), h("br"),
      h("button.small", { type: "button", id: `ack-${item.alert_id}`, onclick: () => acknowledge(item) }, "Acknowledge"))));
}

const SEVERITY = { critical: "bad", warning: "warn", info: "going" };

export function risks(items) {
  if (!items.length) return empty("All quiet.", "Halts, gaps in the data and books that differ show here.");
  return items.map((item) => h("div.item", {},
    h(`span.pill.${SEVERITY[item.severity] ?? ""}`, {}, item.severity),
    h("span.what", {}, item.message, h("small", {}, `${words(item.kind)} · ${item.scope}`)),
    h("span.when", { title: exactly(item.ts_event_ms) }, when(item.ts_event_ms))));
}

/** Bones, in the shape of what is to come. */
export function bones() {
  return {
    tiles: Array.from({ length: 5 }, () => h("div.tile", {}, h("div.bone.line"), h("div.bone.line"), h("div.bone.line"))),
    big: () => h("div.bone.big"),
    lines: () => Array.from({ length: 4 }, () => h("div.bone.line")),
  };
}
