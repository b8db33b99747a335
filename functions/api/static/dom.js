// The few lines that stand in for a framework.

const SVG = "http://www.w3.org/2000/svg";

/** h("button.small", {onclick}, "Release"): an element with classes, properties or attributes, and children. */
export function h(tag, given = {}, ...children) {
  return filled(document.createElement(tag.split(".")[0]), tag, given, children);
}

export function s(tag, given = {}, ...children) {
  return filled(document.createElementNS(SVG, tag.split(".")[0]), tag, given, children);
}

function filled(element, tag, given, children) {
  const [, ...classes] = tag.split(".");
  if (classes.length) element.classList.add(...classes.filter(Boolean));
  for (const [name, value] of Object.entries(given)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "width%") element.style.width = `${value * 100}%`;
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

export const by = (id) => document.getElementById(id);

/** Replaces what is in a place, and keeps the focus and the scroll where they were. */
export function put(place, ...children) {
  const focused = place.contains(document.activeElement) ? document.activeElement.id : "";
  const { scrollTop, scrollLeft } = place;
  place.replaceChildren(...children.flat().filter(Boolean));
  place.scrollTop = scrollTop;
  place.scrollLeft = scrollLeft;
  if (focused) by(focused)?.focus({ preventScroll: true });
}

export function toast(text, bad = false) {
  const note = h(`div.toast${bad ? ".bad" : ""}`, {}, text);
  by("toasts").append(note);
  setTimeout(() => note.remove(), bad ? 9000 : 5000);
}
