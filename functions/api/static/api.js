// Talking to the API: one place that knows of tokens (a cookie), tags (304) and problems (RFC 9457).

export class Problem extends Error {
  constructor(status, body) {
    super(body?.errors?.[0] ? `${body.detail} (${body.errors[0].fix})` : body?.detail ?? `answered ${status}`);
    this.status = status;
  }
}

async function asked(method, path, body, headers = {}) {
  const request = { method, headers, credentials: "same-origin", cache: "no-store" };
  if (body !== undefined) {
    request.body = JSON.stringify(body);
    headers["Content-Type"] = "application/json";
  }
  const answer = await fetch(path, request);
  if (answer.status === 304) return { status: 304 };
  const told = answer.status === 204 ? null : await answer.json().catch(() => null);
  if (!answer.ok) throw new Problem(answer.status, told);
  return { status: answer.status, body: told, tag: answer.headers.get("ETag"), date: answer.headers.get("Date") };
}

export const read = (path, tag) => asked("GET", path, undefined, tag ? { "If-None-Match": tag } : {});
export const logIn = (user, password) => asked("POST", "/v1/session", { user, password });
export const logOut = () => asked("DELETE", "/v1/session");

/** A change under a key of its own. When no answer comes the same key is sent again, so it is made once. */
export async function change(method, path, body) {
  const headers = { "Idempotency-Key": crypto.randomUUID?.() ?? randomKey() };
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await asked(method, path, body, { ...headers });
    } catch (problem) {
      const again = !(problem instanceof Problem) || problem.status === 503;
      if (!again || attempt >= 4) throw problem;
      await new Promise((done) => setTimeout(done, 400 * attempt));
    }
  }
}

// Only secure contexts have randomUUID; a floor on a laptop may be reached by its address over http.
function randomKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
