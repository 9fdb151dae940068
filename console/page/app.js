// Starts the page: the token, the views, the stream of events, the keys.
import {ask, forgetToken, hasToken, listen, setToken, takeToken, whenStranger} from './api.js';
import {loadAudit} from './audit.js';
import {byId, setText, visible} from './dom.js';
import {loadConnections, loadGrants} from './lists.js';
import * as pending from './pending.js';
import {loadPolicy} from './policy.js';
import {setUsualTtl} from './question.js';
import {leaveTokens, loadTokens} from './tokens.js';

const views = ['pending', 'connections', 'audit', 'grants', 'policy', 'tokens'];
let view = 'pending';
let role = 'viewer';
let me = '';
let running = false;
let downSince = 0;

// --- views

const loaders = {
  pending: () => {}, connections: loadConnections, audit: loadAudit, grants: loadGrants, policy: () => loadPolicy(role),
  tokens: () => loadTokens(me),
};

const open = () => views.filter((name) => name !== 'tokens' || role === 'admin');

function show(name) {
  if (view === 'tokens' && name !== 'tokens') leaveTokens();
  view = name;
  byId('view-token').hidden = name !== 'token';
  document.querySelector('.tabs').hidden = name === 'token';
  for (const each of views) {
    byId('view-' + each).hidden = each !== name;
    const tab = byId('tab-' + each);
    tab.setAttribute('aria-selected', String(each === name));
    tab.tabIndex = each === name ? 0 : -1;
    if (each === name) tab.scrollIntoView({block: 'nearest', inline: 'nearest'});
  }
  if (name === 'token') return;
  history.replaceState(null, '', name === 'pending' ? location.pathname : '#' + name);
  load();
}

async function load() {
  try {
    await loaders[view]?.();
  } catch (error) {
    complain(error);
  }
}

function complain(error) {
  if (error.status === 501) setText(byId('connections-subtitle'), error.message);
  else if (error.status !== 401) console.warn(error);
}

document.querySelector('.tabs').addEventListener('click', (event) => {
  const tab = event.target.closest('[data-view]');
  if (tab) show(tab.dataset.view);
});
document.querySelector('.tabs').addEventListener('keydown', (event) => {
  const by = {ArrowRight: 1, ArrowLeft: -1}[event.key];
  if (!by || view === 'token') return;
  event.preventDefault();
  event.stopPropagation();
  const all = open();
  show(all[(all.indexOf(view) + by + all.length) % all.length]);
  byId('tab-' + view).focus();
});

// --- how the daemon is

async function status() {
  const now = await ask('v1/status');
  role = now.you.role;
  me = now.you.name;
  byId('tab-tokens').hidden = role !== 'admin';
  pending.setRole(role);
  setUsualTtl(now.defaults.grant);
  setText(byId('you'), now.you.name === now.you.role ? now.you.role : `${visible(now.you.name)} · ${now.you.role}`);
  const health = byId('health');
  const trouble = !now.guarding ? 'not guarding' : !now.audit.healthy ? 'audit log failing' : now.draining ? 'stopping' : '';
  health.hidden = false;
  health.className = 'health ' + (trouble ? 'bad' : 'good');
  setText(health, trouble || 'guarding');
  health.title = now.listening.map((each) => `${each.door} ${each.address}`).join('\n');
  return now;
}

function banner(text) {
  const bar = byId('banner');
  bar.hidden = !text;
  setText(bar, text);
}

// --- events

const handlers = {
  reset: () => Promise.all([pending.loadPending(), status(), load()]).catch(complain),
  approval: pending.arrived,
  waiting: pending.waitingChanged,
  decision: ({approval, released}) => { pending.decided(approval, released); if (view === 'grants') load(); },
  expired: ({approval}) => pending.expired(approval),
  grant: () => view === 'grants' && load(),
  connections: () => view === 'connections' && load(),
  policy: () => view === 'policy' && load(),
};

const on = {
  event: (name, data) => handlers[name]?.(data),
  up: () => { downSince = 0; banner(''); document.body.classList.remove('offline'); },
  down: () => {
    if (!downSince) downSince = Date.now();
    setTimeout(() => {
      if (!downSince || Date.now() - downSince < 1400) return;
      banner('Not connected. What you see may be out of date; trying again …');
      document.body.classList.add('offline');
    }, 1500);
  },
};

async function start() {
  await status();
  setText(byId('token-error'), '');
  byId('token-error').hidden = true;
  const wanted = location.hash.slice(1);
  show(open().includes(wanted) ? wanted : 'pending');
  if (running) return;
  running = true;
  listen(on).finally(() => { running = false; });
}

setInterval(pending.tick, 5000);
setInterval(() => { if (running && !document.hidden && view === 'connections') load(); }, 3000);
setInterval(() => { if (running && !document.hidden) status().catch(complain); }, 15000);

pending.whenCounted((count) => {
  const badge = byId('pending-count');
  badge.hidden = count === 0;
  setText(badge, count > 999 ? '999+' : String(count));
  document.title = (count ? `(${count}) ` : '') + 'Sallyport';
});

// --- the token

whenStranger(() => {
  const had = hasToken();
  forgetToken();
  show('token');
  if (had) {
    setText(byId('token-error'), 'This token is not known here, or was removed.');
    byId('token-error').hidden = false;
  }
  byId('token-input').focus();
});

byId('token-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const token = byId('token-input').value.trim();
  if (!token) return;
  byId('token-input').value = '';
  setToken(token);
  start().catch(() => {});
});

// --- keys and help

const help = byId('help');
byId('help-button').addEventListener('click', () => help.showModal());
byId('help-close').addEventListener('click', () => help.close());

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || help.open || view === 'token') return;
  const typing = event.target.closest('input:not([type=radio]), select, textarea');
  if (typing) {
    if (event.key === 'Escape') event.target.blur();
    return;
  }
  if (event.key === '?') help.showModal();
  else if (event.key >= '1' && event.key <= String(open().length)) show(open()[event.key - 1]);
  else if (view === 'pending' && pending.pressed(event)) event.preventDefault();
  else if (view === 'audit' && event.key === '/') { event.preventDefault(); byId('audit-form').elements.host.focus(); }
});

takeToken();
window.addEventListener('hashchange', () => {
  if (location.hash.includes('token=')) { takeToken(); start().catch(() => {}); }
});
if (hasToken()) start().catch((error) => { if (error.status !== 401) { banner('Not connected. Reload the page to try again.'); complain(error); } });
else show('token');
