// Calls to /api/v1 with the tab's token; failures become ApiError with the problem's code.

export class ApiError extends Error {
  constructor(status, code, detail) {
    super(detail || code || `HTTP ${status}`);
    this.status = status;
    this.code = code;
  }
}

export class Api {
  /** `token` is a function, so that a renewed token is used at once. */
  constructor(token) {
    this.token = token;
  }

  async get(path, query = {}) {
    const params = new URLSearchParams(Object.entries(query).filter(([, v]) => v !== undefined && v !== null));
    return this.#call('GET', params.size ? `${path}?${params}` : path);
  }

  /** `key` makes the call safe to repeat: the same key and body are done once. */
  post(path, body, key) {
    return this.#call('POST', path, body ?? {}, key ? { 'idempotency-key': key } : {});
  }

  async #call(method, path, body, extra = {}) {
    const headers = { ...extra, accept: 'application/json', authorization: `Bearer ${this.token()}` };
    if (body !== undefined) headers['content-type'] = 'application/json';
    let response;
    try {
      response = await fetch(`/api/v1${path}`, {
        method, headers, body: body === undefined ? undefined : JSON.stringify(body), signal: AbortSignal.timeout(15_000),
      });
    } catch {
      throw new ApiError(0, 'unreachable', 'The server cannot be reached.');
    }
    const text = await response.text();
    let answer = null;
    try {
      answer = text ? JSON.parse(text) : null;
    } catch {
      throw new ApiError(response.status, 'malformed', 'The server sent something that is not JSON.');
    }
    if (!response.ok) throw new ApiError(response.status, answer?.code, answer?.detail ?? answer?.title);
    return answer;
  }
}

/** A fresh idempotency key. `randomUUID` would do, were it there on plain HTTP too. */
export function randomKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** An id as a path segment. */
export function segment(id) {
  return encodeURIComponent(id);
}
