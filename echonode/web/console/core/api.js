// Calls of the node's API.
//
// Rules
// - get(path), post(path, body), del(path) give the answer's JSON, or throw ApiError:
//   {status, error, field, remedy, candidates}. status 0: the node did not answer.
// - Paths are relative ("api/exams"), so that the console works behind a prefix of a proxy.
// - Changes carry X-CSRF-Token once setCsrf was called. 401 (not logged in) and 423 (locked) call what
//   onUnauthorised was given.
// - No patient data in a path or a query: they stand in histories. Searches by name are POST.
// - Each part of a path that comes from a value goes through part().

export class ApiError extends Error {
  constructor(status, body) {
    super(body.error || `status ${status}`);
    this.name = "ApiError";
    this.status = status;
    this.error = body.error || "";
    this.field = body.field || "";
    this.remedy = body.remedy || "";
    this.candidates = body.candidates ?? [];
    this.body = body;
  }
}

const TIMEOUT_MS = 15000;
let csrf = "";
let unauthorised = () => {};

export const part = (value) => encodeURIComponent(String(value));
export function setCsrf(token) { csrf = token; }
export function onUnauthorised(run) { unauthorised = run; }

export const get = (path, options) => ask("GET", path, undefined, options);
export const post = (path, body = {}, options) => ask("POST", path, body, options);
export const del = (path, options) => ask("DELETE", path, undefined, options);

// The answer as it is (a picture, a file), as a Blob.
export async function blob(path, options) {
  return (await sent("GET", path, undefined, options)).blob();
}

// The answer itself, whose body comes piece by piece; signal ends it. It may take any time. body: sent by POST.
export function stream(path, signal, body) {
  return sent(body === undefined ? "GET" : "POST", path, body, { signal });
}

async function ask(method, path, body, options) {
  const answer = await sent(method, path, body, options);
  if (answer.status === 204) return null;
  try {
    return await answer.json();
  } catch {
    throw new ApiError(0, { error: "" });
  }
}

// timeoutMs: longer where the work is (a clip that is still to come). quiet: 401 and 423 are the caller's.
async function sent(method, path, body, { timeoutMs = TIMEOUT_MS, quiet = false, signal } = {}) {
  const headers = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET" && csrf) headers["X-CSRF-Token"] = csrf;
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: signal ?? AbortSignal.timeout(timeoutMs),
      credentials: "same-origin",
    });
  } catch {
    throw new ApiError(0, { error: "" });
  }
  if (answer.ok) return answer;
  let said = {};
  try {
    said = await answer.json();
  } catch { /* a proxy's page, or none */ }
  if ((answer.status === 401 || answer.status === 423) && !quiet) unauthorised();
  throw new ApiError(answer.status, typeof said === "object" && said ? said : {});
}
