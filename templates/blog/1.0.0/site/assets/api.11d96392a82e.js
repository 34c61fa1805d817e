// The API of this blog: the same origin, below /api. What it refuses is an ApiError, whose message a person can read.

const WHEN_IT_SAYS_NOTHING = {
  0: "The blog did not answer. Are you online? Try again.",
  401: "You are not signed in any more: sign in again.",
  403: "That is not allowed.",
  404: "There is no such thing here, or it is not for you.",
  413: "That is too long.",
  429: "Too many at once: try again in a minute.",
};

export class ApiError extends Error {
  constructor(status, { error, message } = {}) {
    const said = typeof message === "string" && message;
    super(said || WHEN_IT_SAYS_NOTHING[status] || `The blog answered ${status}. Try again later.`);
    this.status = status;
    this.code = error;
  }
}

/** Calls the API. Gives what it answers, or undefined when that is nothing. */
export async function call(method, path, { body, token } = {}) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (token) headers.Authorization = `Bearer ${token}`;
  let answer, text;
  try {
    answer = await fetch(`/api${path}`, { method, headers, body: body && JSON.stringify(body) });
    text = await answer.text();
  } catch {
    throw new ApiError(0);
  }
  const value = parsed(text);
  if (!answer.ok) throw new ApiError(answer.status, value);
  return value;
}

function parsed(text) {
  try {
    return JSON.parse(text) ?? undefined;
  } catch {
    return undefined; // an error page of the edge
  }
}

let known;

/** What the blog says of itself: title, sign-in, and what is on. Asked once for each page. */
export function config() {
  known ??= call("GET", "/config");
  return known;
}
