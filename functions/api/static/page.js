// The page: logs in, asks for the overview every few seconds, shows it, and carries out what a person wants changed.

import { Problem, change, logIn, logOut, read } from "./api.js";
import { drawCurve } from "./chart.js";
import { decisions } from "./decisions.js";
import { askAck, askCancel, askExit, askHalt, askRelease, askResume, showStory } from "./dialogs.js";
import { by, h, put, toast } from "./dom.js";
import { drawFlow, health } from "./flow.js";
import { clock, exactly, percent } from "./format.js";
import { alarms, bones, halts, quarantine, risks, tiles } from "./panels.js";
import { empty, orders, positions } from "./tables.js";

const VERDICTS = { all: "All", accepted: "Accepted" };
const RANGES = { "1d": "1D", "1w": "1W", "1m": "1M", all: "All" };
const LONGEST_WAIT_MS = 30_000;
const state = { range: "all", verdict: "all", tag: "", shown: null, account: "", timer: 0, failures: 0 };

// --- asking ---

async function refresh() {
  clearTimeout(state.timer);
  const path = `/v1/overview?range=${state.range}&decisions=${state.verdict}`;
  state.path = path;
  try {
    const answer = await read(path, state.tag);
    if (path !== state.path) return; // the person chose something else meanwhile, and that is on its way
    settle();
    if (answer.status !== 304) {
      state.tag = answer.tag;
      state.shown = answer.body;
      show(answer.body);
    }
  } catch (problem) {
    if (problem instanceof Problem && problem.status === 401) return enter();
    trouble(problem);
  }
  wait();
}

function wait() {
  const poll = state.shown?.poll_ms ?? 5000;
  clearTimeout(state.timer);
  state.timer = setTimeout(() => !document.hidden && refresh(), Math.min(poll * 2 ** Math.min(state.failures, 4), Math.max(LONGEST_WAIT_MS, poll)));
}

document.addEventListener("visibilitychange", () => !document.hidden && !by("top").hidden && refresh());

function settle() {
  state.failures = 0;
  by("trouble").hidden = true;
  by("main").classList.remove("stale");
  linked(true, `checked ${clock(Date.now())} UTC`);
}

function trouble(problem) {
  state.failures += 1;
  const text = problem instanceof Problem ? problem.message : "The floor does not answer.";
  by("trouble").textContent = `${text} What you see may be old; trying again.`;
  by("trouble").hidden = false;
  by("main").classList.add("stale");
  linked(false, "no answer");
}

function linked(on, text) {
  by("link").className = `link ${on ? "on" : "off"}`;
  by("link").lastElementChild.textContent = text;
}

// --- showing ---

function show(data) {
  const account = data.accounts.find((item) => item.account_id === state.account) ?? data.accounts[0];
  by("mode").textContent = data.mode.toUpperCase();
  by("mode").className = `mode ${data.mode}`;
  by("live").hidden = data.mode !== "live";
  document.documentElement.dataset.mode = data.mode;
  put(by("warnings"), data.warnings.map((text) => h("div.warning", {}, text)));
  document.title = `${data.halts.length ? "■ halted · " : ""}${data.mode === "live" ? "LIVE · " : ""}Fluxfloor ${data.mode}`;
  choices(data.accounts, account);
  put(by("halts"), halts(data.halts, resume));
  put(by("tiles"), account ? tiles(account) : empty("No account has been marked yet.", "The first mark to market fills these tiles."));
  curve(account);
  put(by("positions"), positions(account, leave));
  by("positions-note").textContent = account ? account.account_id : "";
  put(by("orders"), orders(data.orders, takeBack));
  put(by("alarms"), alarms(data.alarms, acknowledge));
  by("alarms-card").hidden = !data.alarms.length;
  by("alarms-note").textContent = data.alarms.length ? `${data.alarms.length} not acknowledged` : "";
  put(by("decisions"), decisions(data.decisions, story));
  put(by("flow"), drawFlow(data.flow));
  by("flow-note").textContent = health(data.flow);
  put(by("quarantine"), quarantine(data.quarantine, release));
  by("quarantine-note").textContent = data.quarantine.length ? `${data.quarantine.length} held` : "";
  put(by("risks"), risks(data.risks));
  put(by("foot"), h("span", {}, data.as_of_ms ? `As of ${exactly(data.as_of_ms)}` : "Nothing has happened yet"),
    h("span", {}, `Logged in as ${data.user}`), h("a", { href: "/v1/openapi.json" }, "API description"));
}

function curve(account) {
  by("equity-note").textContent = account && account.curve.points.length ? `deepest drawdown of the span ${percent(account.curve.deepest)}` : "";
  if (account) drawCurve(by("chart"), account.curve, account.currency);
  else put(by("chart"), empty("No curve yet.", "It begins with the account's first marks to market."));
}

function choices(accounts, account) {
  by("choose").hidden = accounts.length < 2;
  put(by("account"), accounts.map((item) => h("option", { value: item.account_id, selected: item === account }, item.account_id)));
}

// --- choosing ---

/** A row of buttons of which one is chosen, by pointer or arrow keys; choosing asks the API anew. */
function radio(place, options, name) {
  const names = Object.keys(options);
  const paint = () => put(by(place), names.map((option) => h("button", { type: "button", role: "radio", id: `${place}-${option}`,
    "aria-checked": String(option === state[name]), tabindex: option === state[name] ? 0 : -1, onclick: () => choose(option) }, options[option])));
  const choose = (option) => {
    Object.assign(state, { [name]: option, tag: "" });
    paint();
    by(`${place}-${option}`).focus();
    refresh();
  };
  by(place).addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) choose(names[(names.indexOf(state[name]) + step + names.length) % names.length]);
  });
  paint();
}

// --- changing ---

async function carriedOut(work, done) {
  try {
    await work();
    toast(done);
  } catch (problem) {
    toast(problem.message, true);
  }
  state.tag = "";
  refresh();
}

async function pull() {
  const wish = await askHalt(state.shown?.scopes ?? ["floor"]);
  if (!wish) return;
  const body = { scope: wish.scope, reason: wish.reason, flatten: wish.flatten === "on" };
  await carriedOut(() => change("POST", "/v1/halts", body), `${wish.scope} is halted`);
}

async function resume(halt) {
  const wish = await askResume(halt);
  if (wish) await carriedOut(() => change("POST", `/v1/halts/${encodeURIComponent(halt.scope)}/resume`, { reason: wish.reason }), `${halt.scope} is resumed`);
}

async function release(item) {
  const path = `/v1/quarantine/${encodeURIComponent(item.quarantine_id)}/release`;
  if (await askRelease(item)) await carriedOut(() => change("POST", path), `${item.stage} takes it again`);
}

async function acknowledge(item) {
  const wish = await askAck(item);
  if (wish) await carriedOut(() => change("POST", `/v1/alerts/${encodeURIComponent(item.alert_id)}/ack`, { note: wish.note }), "You have it");
}

/** One strategy's holding, a whole instrument, or with nothing named everything. */
async function leave(body, named) {
  const wish = await askExit(named);
  if (wish) await carriedOut(() => change("POST", "/v1/positions/exit", { ...body, reason: wish.reason }), `Leaving ${named}`);
}

async function takeBack(item) {
  const path = `/v1/orders/${encodeURIComponent(item.intent_id)}/cancel`;
  const wish = await askCancel(item);
  if (wish) await carriedOut(() => change("POST", path, { reason: wish.reason }), "It is being taken back");
}

async function story(id) {
  try {
    showStory(id, (await read(`/v1/why/${encodeURIComponent(id)}`)).body.lines);
  } catch (problem) {
    toast(problem.message, true);
  }
}

// --- in and out ---

function enter() {
  clearTimeout(state.timer);
  for (const id of ["top", "main"]) by(id).hidden = true;
  put(by("halts"));
  put(by("warnings"));
  by("live").hidden = true;
  by("trouble").hidden = true;
  by("login").hidden = false;
  if (location.hash === "#ticket-used") {
    by("login-problem").textContent = "That link was good for one login, or is too old. Log in with the password.";
    history.replaceState(null, "", "/");
  }
  by("login-form").elements.password.focus();
}

by("login-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { user, password } = event.target.elements;
  const button = event.target.querySelector("button");
  button.disabled = true;
  by("login-problem").textContent = "";
  try {
    await logIn(user.value, password.value);
    password.value = "";
    start();
  } catch (problem) {
    by("login-problem").textContent = problem.message;
    password.select();
  } finally {
    button.disabled = false;
  }
});

function start() {
  by("login").hidden = true;
  for (const id of ["top", "main"]) by(id).hidden = false;
  if (!state.shown) {
    const { tiles: boned, big, lines } = bones();
    put(by("tiles"), boned);
    put(by("chart"), big());
    for (const id of ["positions", "orders", "decisions", "flow", "quarantine", "risks"]) put(by(id), lines());
  }
  state.tag = "";
  refresh();
}

by("kill").addEventListener("click", pull);
by("account").addEventListener("change", (event) => { state.account = event.target.value; show(state.shown); });
by("logout").addEventListener("click", async () => {
  await logOut().catch(() => {});
  Object.assign(state, { tag: "", shown: null });
  enter();
});

// --- looks ---

const system = matchMedia("(prefers-color-scheme: light)");
const paint = () => { document.documentElement.dataset.theme = localStorage.getItem("theme") ?? (system.matches ? "light" : "dark"); };
by("theme").addEventListener("click", () => {
  localStorage.setItem("theme", document.documentElement.dataset.theme === "light" ? "dark" : "light");
  paint();
});
system.addEventListener("change", paint);
let resized = 0;
addEventListener("resize", () => { clearTimeout(resized); resized = setTimeout(() => state.shown && show(state.shown), 120); });

paint();
radio("ranges", RANGES, "range");
radio("verdicts", VERDICTS, "verdict");
start();
