// The equity curve: line, high-water mark, and what lies between them shaded as drawdown.

import { h, s } from "./dom.js";
import { exactly, money, percent, when } from "./format.js";

const PAD = { left: 66, right: 14, top: 12, bottom: 26 };

/** Draws into `place` and answers the pointer and the arrow keys. `curve` has its ticks and bounds with it. */
export function drawCurve(place, curve, currency) {
  const at = place.dataset.at; // the point under the cursor stays under it when new data comes
  place.replaceChildren();
  if (curve.points.length < 2) {
    place.append(h("p.empty", {}, h("b", {}, "No curve yet."), "It begins with the account's second mark to market."));
    return;
  }
  const box = { width: place.clientWidth - 12, height: place.clientHeight - 6 };
  const scale = scales(curve, box);
  const svg = s("svg", { viewBox: `0 0 ${box.width} ${box.height}`, role: "img", tabindex: 0, id: "curve",
    "aria-label": summary(curve, currency) });
  svg.append(...axes(curve, scale, box), ...shapes(curve, scale));
  const cursor = cursorOf(place, svg, curve, scale, box, currency);
  place.append(svg, cursor.tip);
  if (at) cursor.show(nearest(curve.points, Number(at)));
}

function scales(curve, box) {
  const [first, last] = [curve.points[0][0], curve.points.at(-1)[0]];
  const inner = { width: box.width - PAD.left - PAD.right, height: box.height - PAD.top - PAD.bottom };
  return {
    x: (ms) => PAD.left + ((ms - first) / Math.max(1, last - first)) * inner.width,
    y: (value) => PAD.top + (1 - (value - curve.low) / (curve.high - curve.low)) * inner.height,
    ms: (x) => first + ((x - PAD.left) / inner.width) * (last - first),
  };
}

function axes(curve, scale, box) {
  const lines = curve.value_ticks.flatMap((tick) => [
    s("line.grid", { x1: PAD.left, x2: box.width - PAD.right, y1: scale.y(tick.at), y2: scale.y(tick.at) }),
    s("text", { x: PAD.left - 9, y: scale.y(tick.at) + 4, "text-anchor": "end" }, tick.label),
  ]);
  const labels = curve.time_ticks
    .filter((tick) => scale.x(tick.at) > PAD.left + 12 && scale.x(tick.at) < box.width - PAD.right - 14)
    .map((tick) => s("text", { x: scale.x(tick.at), y: box.height - 7, "text-anchor": "middle" }, tick.label));
  return [...lines, ...labels];
}

const path = (points, scale, value) =>
  points.map((point, n) => `${n ? "L" : "M"}${scale.x(point[0]).toFixed(1)} ${scale.y(point[value]).toFixed(1)}`).join("");

function shapes(curve, scale) {
  const points = curve.points;
  const under = path([...points].reverse(), scale, 1).replace("M", "L");
  return [
    s("path.down", { d: `${path(points, scale, 3)}${under}Z` }),
    s("path.water", { d: path(points, scale, 3) }),
    s("path.curve", { d: path(points, scale, 1) }),
  ];
}

function cursorOf(place, svg, curve, scale, box, currency) {
  const cross = s("line.cross", { y1: PAD.top, y2: box.height - PAD.bottom, visibility: "hidden" });
  const spot = s("circle.spot", { r: 5, visibility: "hidden" });
  const tip = h("div.tip", { hidden: true, role: "status" });
  let current = curve.points.length - 1;
  const show = (index) => {
    current = Math.max(0, Math.min(curve.points.length - 1, index));
    const [ms, equity, down] = curve.points[current];
    place.dataset.at = ms;
    const x = scale.x(ms);
    for (const [element, placed] of [[cross, { x1: x, x2: x }], [spot, { cx: x, cy: scale.y(equity) }]])
      for (const [name, value] of Object.entries({ ...placed, visibility: "visible" })) element.setAttribute(name, value);
    tip.replaceChildren(h("b", {}, `${money(equity)} ${currency}`), `${when(ms)} UTC · drawdown ${percent(down)}`);
    tip.hidden = false;
    tip.style.left = `${Math.min(Math.max(8, x - tip.offsetWidth / 2), box.width - tip.offsetWidth)}px`;
    tip.style.top = scale.y(equity) - tip.offsetHeight > 2 * PAD.top ? "0" : `${box.height - PAD.bottom - tip.offsetHeight - 6}px`;
  };
  const hide = () => {
    delete place.dataset.at;
    tip.hidden = true;
    for (const element of [cross, spot]) element.setAttribute("visibility", "hidden");
  };
  svg.append(cross, spot);
  svg.addEventListener("pointermove", (event) => show(nearest(curve.points, scale.ms(event.offsetX))));
  svg.addEventListener("pointerleave", hide);
  svg.addEventListener("blur", hide);
  svg.addEventListener("focus", () => svg.matches(":focus-visible") && show(current));
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20, Home: -1e6, End: 1e6 }[event.key];
    if (step) { event.preventDefault(); show(current + step); }
  });
  return { tip, show };
}

function nearest(points, ms) {
  let [low, high] = [0, points.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (points[middle][0] <= ms) low = middle;
    else high = middle;
  }
  return ms - points[low][0] < points[high][0] - ms ? low : high;
}

const summary = (curve, currency) => {
  const [first, last] = [curve.points[0], curve.points.at(-1)];
  return `Equity from ${money(first[1])} ${currency} on ${exactly(first[0])} to ${money(last[1])} on ${exactly(last[0])}, `
    + `deepest drawdown ${percent(curve.deepest)}. Arrow keys move along the curve.`;
};
