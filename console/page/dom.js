// Elements and text. Nothing here, or anywhere in the page, parses text as markup.

export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (key === 'class') element.className = value;
    else if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else if (key in element && key !== 'list') element[key] = value;
    else element.setAttribute(key, value === true ? '' : value);
  }
  for (const child of children.flat()) if (child !== undefined && child !== null && child !== false) element.append(child);
  return element;
}

export const byId = (id) => document.getElementById(id);

// Sets text only where it changed, so that a tick over a thousand rows costs nothing.
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// Control, bidirectional and invisible characters as ‹U+202E›: what is shown is what is there.
const invisible = /[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb]|\p{Cf}|\p{Co}|\p{Cn}/gu;
export function visible(text) {
  return String(text ?? '').replace(invisible, (c) => '‹U+' + c.codePointAt(0).toString(16).toUpperCase().padStart(4, '0') + '›');
}

// An agent's own words: always in quotes, always in their own voice.
export function words(text) {
  return el('q', {class: 'words'}, visible(text));
}

// A host name with its registrable domain in full weight; what stands before it may be long, and is shortened.
export function hostName(host, domain, port) {
  host = visible(host);
  const under = domain && host !== domain && host.endsWith('.' + domain);
  const before = under ? host.slice(0, -domain.length) : '';
  const rest = under ? domain : host;
  const middle = (text, most) =>
    text.length > most ? text.slice(0, most * 2 / 3) + '…' + text.slice(-most / 3) : text;
  return el('span', {class: 'host', title: host},
    before && el('span', {class: 'before'}, middle(before, 48)),
    el('span', {class: 'domain'}, middle(rest, 72)),
    port && el('span', {class: 'port'}, ':' + port),
    host.split('.').some((label) => label.startsWith('xn--')) &&
      el('span', {class: 'pill warn', title: 'This name has letters outside a–z. It is shown in its encoded form.'}, 'encoded name'));
}

export function ago(time, now = Date.now()) {
  const seconds = Math.max(0, Math.round((now - Date.parse(time)) / 1000));
  return seconds < 5 ? 'just now' : span(seconds) + ' ago';
}

export function until(time, now = Date.now()) {
  const seconds = Math.round((Date.parse(time) - now) / 1000);
  return seconds <= 0 ? 'ending' : 'for ' + span(seconds);
}

export function span(seconds) {
  if (seconds < 60) return seconds + ' s';
  if (seconds < 3600) return Math.round(seconds / 60) + ' min';
  if (seconds < 172800) return Math.round(seconds / 3600) + ' h';
  return Math.round(seconds / 86400) + ' days';
}

export function bytes(count) {
  if (count < 1024) return count + ' B';
  let unit = -1;
  do { count /= 1024; ++unit; } while (count >= 1024 && unit < 3);
  return count.toFixed(count < 10 ? 1 : 0) + ' ' + ['KiB', 'MiB', 'GiB', 'TiB'][unit];
}

export const dated = (time) => {
  const date = new Date(time);
  const hours = date.toLocaleTimeString([], {hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23'});
  return date.toLocaleDateString([], {day: 'numeric', month: 'short'}) + ' ' + hours;
};

export const clock = (time) => {
  const date = new Date(time);
  const today = new Date().toDateString() === date.toDateString();
  return today ? date.toLocaleTimeString([], {hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23'}) : dated(time);
};

export const zone = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

export const plural = (count, one, many = one + 's') => `${count.toLocaleString('en')} ${count === 1 ? one : many}`;

export function toast(text, kind = '') {
  const note = el('div', {class: 'toast ' + kind}, visible(text));
  byId('toasts').append(note);
  setTimeout(() => note.remove(), kind === 'bad' ? 8000 : 3500);
}

export function announce(text) {
  byId('announce').textContent = visible(text);
}

// A button that asks "sure?" by its own label, for what can't be taken back. The action gets what `seen` gave when the
// button asked: what is decided is what was looked at, whatever has come since.
export function sureButton(label, sure, action, kind = '', seen = () => undefined) {
  let armed = 0;
  let what;
  const button = el('button', {class: kind, type: 'button'}, label);
  const disarm = () => { clearTimeout(armed); armed = 0; setText(button, label); button.classList.remove('armed'); };
  button.addEventListener('click', (event) => {
    event.stopPropagation();
    if (armed) { disarm(); action(what); return; }
    what = seen();
    armed = setTimeout(disarm, 4000);
    setText(button, sure);
    button.classList.add('armed');
  });
  button.addEventListener('blur', () => armed && disarm());
  return button;
}
