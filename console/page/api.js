// Requests with the token, and the stream of events.

const key = 'sallyport-token';
let onStranger = () => {};

// The token comes in the address's fragment, which no server and no log sees, and leaves the address bar at once.
export function takeToken() {
  const found = /(?:^#|&)token=([^&]+)/.exec(location.hash);
  if (!found) return;
  sessionStorage.setItem(key, decodeURIComponent(found[1]));
  history.replaceState(null, '', location.pathname);
}
export const hasToken = () => Boolean(sessionStorage.getItem(key));
export const setToken = (token) => sessionStorage.setItem(key, token);
export const forgetToken = () => sessionStorage.removeItem(key);
export const whenStranger = (handler) => { onStranger = handler; };

export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail || 'the server answered ' + status);
    this.status = status;
    this.problem = problem;
  }
}

function request(path, options = {}) {
  return fetch(path, {
    ...options,
    cache: 'no-store',
    credentials: 'omit',
    headers: {Authorization: 'Bearer ' + sessionStorage.getItem(key), 'X-Sallyport-Through': 'console', ...options.headers},
  });
}

export async function ask(path, {method = 'GET', body, text = false, signal} = {}) {
  const response = await request(path, {
    method, signal,
    body: body === undefined ? undefined : JSON.stringify(body),
    headers: body === undefined ? {} : {'Content-Type': 'application/json'},
  });
  if (response.ok) return response.status === 204 ? null : text ? response.text() : response.json();
  const problem = await response.json().catch(() => ({}));
  if (response.status === 401) onStranger();
  throw new Refused(response.status, problem);
}

export function query(path, parameters) {
  const kept = Object.entries(parameters).filter(([, value]) => value);
  return kept.length ? path + '?' + new URLSearchParams(kept) : path;
}

// Calls on.event(name, data) for each event, on.up() and on.down(error) as the stream comes and goes. For ever.
export async function listen(on) {
  let last = '';
  let pause = 500;
  for (;;) {
    try {
      const response = await request('v1/events', {headers: last ? {'Last-Event-ID': last} : {}});
      if (response.status === 401) { onStranger(); return; }
      if (!response.ok) throw new Refused(response.status, await response.json().catch(() => ({})));
      on.up();
      pause = 500;
      last = await readEvents(response.body.getReader(), on, last);
      on.down();
    } catch (error) {
      on.down(error);
    }
    await new Promise((resolve) => setTimeout(resolve, pause * (0.75 + Math.random() / 2)));
    pause = Math.min(pause * 2, 15000);
  }
}

async function readEvents(reader, on, last) {
  const decoder = new TextDecoder();
  let rest = '';
  for (;;) {
    // The server sends something every 15 seconds; a stream that is quiet for longer is a dead one.
    let quiet;
    const silence = new Promise((_, reject) => { quiet = setTimeout(() => reject(new Error('silence')), 40000); });
    let part;
    try {
      part = await Promise.race([reader.read(), silence]);
    } catch (error) {
      reader.cancel().catch(() => {});
      return last;
    } finally {
      clearTimeout(quiet);
    }
    if (part.done) return last;
    rest += decoder.decode(part.value, {stream: true});
    const blocks = rest.split('\n\n');
    rest = blocks.pop();
    for (const block of blocks) {
      let name = '', data = '';
      for (const line of block.split('\n')) {
        if (line.startsWith('id: ')) last = line.slice(4);
        else if (line.startsWith('event: ')) name = line.slice(7);
        else if (line.startsWith('data: ')) data += line.slice(6);
      }
      if (name) on.event(name, JSON.parse(data || '{}'));
    }
  }
}
