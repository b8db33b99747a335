// Questions that need an answer before anything happens, and the story of a signal.

import { by, h } from "./dom.js";

/** Asks; resolves to the form's fields, or null when the person backs out. */
function ask(title, text, fields, sure, dangerous) {
  const dialog = by("dialog");
  return new Promise((resolve) => {
    const form = h("form", { method: "dialog" }, fields,
      h("div.ends", {}, h("button.quiet", { type: "button", onclick: () => dialog.close("") }, "Cancel"),
        h(`button.${dangerous ? "kill.sure" : "primary"}`, { type: "submit", value: "yes" }, sure)));
    dialog.classList.remove("wide");
    dialog.replaceChildren(h("h2", { id: "dialog-title" }, title), h("p.muted", {}, text), form);
    dialog.returnValue = "";
    dialog.onclose = () => resolve(dialog.returnValue === "yes" ? Object.fromEntries(new FormData(form)) : null);
    dialog.showModal();
  });
}

const why = () => h("label", {}, "Reason", h("input", { type: "text", name: "reason", required: true, minlength: 3, maxlength: 300, autofocus: true, placeholder: "for the audit log", autocomplete: "off" }));

export function askHalt(scopes) {
  return ask("Pull the kill switch?", "New entries stop at once and stay stopped until a person resumes. Exits go on.", [
    h("label", {}, "What to halt", h("select", { name: "scope" }, scopes.map((scope) => h("option", { value: scope },
      scope === "floor" ? "the whole floor" : `portfolio ${scope}`)))),
    why(),
    h("label.check", {}, h("input", { type: "checkbox", name: "flatten" }), "Also close what is open"),
  ], "Halt", true);
}

export const askResume = (halt) =>
  ask(`Resume ${halt.scope}?`, `It was halted by ${halt.raised_by}: ${halt.reason}. New entries will be taken again.`, [why()], "Resume", false);

export const askAck = (item) =>
  ask("Acknowledge this alarm?", `${item.title}. You look after it: nobody else is called for it.`, [
    h("label", {}, "Note", h("input", { type: "text", name: "note", maxlength: 300, autofocus: true, placeholder: "for the others", autocomplete: "off" }))], "Acknowledge", false);

export const askExit = (named) =>
  ask(`Leave ${named}?`, "An exit at the market is asked for now, whatever is halted. A strategy may enter again on its next bar unless entries are halted.", [why()], "Leave", true);

export const askCancel = (item) =>
  ask("Take this order back?", `${item.side} ${item.quantity}: what has filled meanwhile stays.`, [why()], "Take back", false);

export const askRelease = (item) =>
  ask("Release this message?", `${item.stage} takes it again. What was decided meanwhile is not decided twice. It was held because: ${item.error}`, [], "Release", false);

export function showStory(id, lines) {
  const dialog = by("dialog");
  dialog.classList.add("wide");
  dialog.onclose = null;
  dialog.replaceChildren(h("h2", { id: "dialog-title" }, "The whole story"), h("pre", { tabindex: 0 }, lines.join("\n")),
    h("div.ends", {}, h("button.quiet", { type: "button", onclick: () => dialog.close() }, "Close")));
  dialog.showModal();
}
