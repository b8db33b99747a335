// Numbers and times as people read them. Nothing is worked out here: values arrive ready.

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** "64210.5" → "64,210.5": digits are grouped, none is lost. */
export function grouped(text) {
  const [, sign, whole, rest] = /^(-?)(\d+)(.*)$/.exec(String(text)) ?? [, "", String(text), ""];
  return (sign ? "−" : "") + whole.replace(/\B(?=(\d{3})+$)/g, ",") + rest;
}

/** Money with two digits; with a sign where it gains or loses. */
export function money(value, signed = false) {
  const number = Number(value);
  const text = Math.abs(number).toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  return (number < 0 ? "−" : signed && number > 0 ? "+" : "") + text;
}

/** 0.0173 → "1.73%". */
export function percent(value, signed = false) {
  const number = Number(value) * 100;
  return (number < 0 ? "−" : signed && number > 0 ? "+" : "") + Math.abs(number).toFixed(2) + "%";
}

const two = (number) => String(number).padStart(2, "0");

/** "14:03:09", UTC. */
export function clock(ms) {
  const at = new Date(ms);
  return `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`;
}

/** "21 Sep 14:03", UTC. */
export function when(ms) {
  const at = new Date(ms);
  return `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]} ${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`;
}

/** "2026-09-21 14:03:09 UTC", for titles. */
export const exactly = (ms) => new Date(ms).toISOString().slice(0, 19).replace("T", " ") + " UTC";

/** "kraken:BTC/USDT" → "BTC/USDT". */
export const symbol = (instrument) => instrument.slice(instrument.indexOf(":") + 1);

export const words = (name) => name.replaceAll("_", " ");
