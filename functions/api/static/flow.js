// The stages as dots along the flow, joined by the facts that run between them.

import { h, s } from "./dom.js";
import { clock } from "./format.js";

const STEP = { x: 104, y: 92 };
const MARGIN = { x: 52, y: 30 };
const RADIUS = 9;

export function drawFlow(flow) {
  const size = { width: (flow.columns - 1) * STEP.x + 2 * MARGIN.x, height: (flow.rows - 1) * STEP.y + MARGIN.y + 48 };
  const heights = flow.stages.reduce((count, stage) => ({ ...count, [stage.column]: (count[stage.column] ?? 0) + 1 }), {});
  const spot = Object.fromEntries(flow.stages.map((stage) => [stage.stage, {
    x: MARGIN.x + stage.column * STEP.x,
    y: MARGIN.y + (stage.row + (flow.rows - heights[stage.column]) / 2) * STEP.y,
  }]));
  const svg = s("svg", { viewBox: `0 0 ${size.width} ${size.height}`, "aria-hidden": "true" },
    flow.links.map((link) => s("path", { class: link.back ? "back" : "", d: curveOf(spot[link.source], spot[link.target], link.back) },
      s("title", {}, `${link.source} → ${link.target}: ${link.topics.join(", ")}`))),
    flow.stages.map((stage) => dot(stage, spot[stage.stage])));
  return [svg, h("ul.unseen", {}, flow.stages.map((stage) => h("li", {}, said(stage))))];
}

function curveOf(from, to, back) {
  if (back) {
    const lift = 26 + Math.abs(from.x - to.x) * 0.12;
    return `M${from.x} ${from.y - RADIUS}C${from.x - 20} ${from.y - lift} ${to.x + 20} ${to.y - lift} ${to.x} ${to.y - RADIUS}`;
  }
  const middle = (from.x + to.x) / 2;
  return `M${from.x + RADIUS} ${from.y}C${middle} ${from.y} ${middle} ${to.y} ${to.x - RADIUS} ${to.y}`;
}

function dot(stage, { x, y }) {
  return s(`g.${stage.status}`, {},
    s("title", {}, `${said(stage)}\n${stage.does}`),
    s("circle.ring", { cx: x, cy: y, r: RADIUS }),
    s("circle.core", { cx: x, cy: y, r: 4.5 }),
    s("text", { x, y: y + 24 }, stage.stage),
    s("text.state", { x, y: y + 37 }, stage.due ? `${stage.status}, ${stage.due} due` : stage.status));
}

function said(stage) {
  const since = stage.oldest_due_ms ? `, ${stage.due} due since ${clock(stage.oldest_due_ms)} UTC` : "";
  const last = stage.last_step_ms ? `, last step ${clock(stage.last_step_ms)} UTC` : "";
  return `${stage.stage}: ${stage.status}${since}${last}`;
}

/** "8 of 10 keep up" for the card's head. */
export function health(flow) {
  const behind = flow.stages.filter((stage) => stage.due).map((stage) => stage.stage);
  return behind.length ? `behind: ${behind.join(", ")}` : "everything that is due is done";
}
