// The questions that wait: grouped by agent and registrable domain, decided by click or key.
import {ask, query} from './api.js';
import {ago, announce, byId, el, hostName, plural, setText, sureButton, toast, visible} from './dom.js';
import {choiceOf, details, forget, usualLength} from './question.js';

const items = new Map();   // id → {approval, row, parts, group, over}
const groups = new Map();  // agent and domain → group
const usual = {role: 'viewer'};
let selected = null;
let open = null;
let movedAt = 0;      // when rows last shifted under the pointer
let selectedAt = 0;   // when the selection last moved by itself
const shownOfGroup = 4;

export const mayDecide = () => usual.role !== 'viewer';
export const pendingCount = () => [...items.values()].filter((item) => !item.over).length;
let onCount = () => {};
export const whenCounted = (handler) => { onCount = handler; };

export function setRole(role) {
  usual.role = role;
  document.body.classList.toggle('viewer', role === 'viewer');
}

// --- what there is

export async function loadPending() {
  const found = [];
  let cursor = '';
  do {
    const page = await ask(query('v1/approvals', {state: 'pending', limit: '1000', cursor}));
    found.push(...page.approvals);
    cursor = page.next;
  } while (cursor && found.length < 20000);
  const ids = new Set(found.map((approval) => approval.id));
  for (const [id, item] of items) if (!ids.has(id) && !item.over) remove(id);
  const fragment = document.createDocumentFragment();
  for (const approval of found) put(approval, fragment);
  byId('pending-list').append(fragment);
  moved();
  refresh();
}

export function put(approval, into = byId('pending-list')) {
  if (approval.state !== 'pending') return;
  const known = items.get(approval.id);
  if (known) {
    known.approval = approval;
    if (!known.over) tell(known);
    return;
  }
  const group = groupOf(approval, into);
  const item = {approval, group, over: false};
  buildRow(item);
  items.set(approval.id, item);
  group.members.add(approval.id);
  group.list.append(item.row);
  if (into.isConnected && group.node.nextElementSibling) moved();
  tell(item);
  group.stale = true;
}

export function arrived(approval) {
  put(approval);
  announce(`New question: ${approval.agent} asks for ${approval.host}`);
  refresh();
}

export function waitingChanged({approval, waiting}) {
  const item = items.get(approval);
  if (!item || item.over) return;
  item.approval.waiting = waiting;
  item.approval.last_seen = new Date().toISOString();
  tell(item);
}

// Its row stays for a moment with the answer, so that what is below does not jump at once.
export function decided(approval, released, mine = false) {
  const item = items.get(approval.id);
  if (!item || item.over) return;
  item.over = true;
  const yes = approval.state === 'approved';
  const who = mine ? '' : ' by ' + visible(approval.decision?.by?.name ?? 'another');
  const effect = approval.state === 'expired' ? '' :
    released ? ' · ' + plural(released, yes ? 'connection goes on' : 'connection is refused', yes ? 'connections go on' : 'connections are refused') : '';
  const word = {approved: 'Approved', denied: 'Denied', expired: 'Expired'}[approval.state] ?? 'Decided';
  item.row.className = 'row over ' + approval.state;
  item.row.replaceChildren(el('div', {class: 'verdict-line'},
    el('span', {class: 'mark', 'aria-hidden': 'true'}, yes ? '✓' : '✕'),
    el('span', {}, el('strong', {}, word + who), ' ', hostName(item.approval.host, item.approval.domain), el('span', {class: 'muted'}, effect))));
  if (open === approval.id) open = null;
  if (selected === approval.id) selectNext();
  forget(approval.id);
  setTimeout(() => remove(approval.id), mine ? 1600 : 3000);
  refresh();
}

export function expired(id) {
  const item = items.get(id);
  if (item) decided({...item.approval, state: 'expired', decision: undefined}, 0);
}

function remove(id) {
  const item = items.get(id);
  if (!item) return;
  items.delete(id);
  const {group} = item;
  if (item.row.nextElementSibling || group.node.nextElementSibling) moved();
  item.row.remove();
  group.members.delete(id);
  group.stale = true;
  if (group.members.size === 0) {
    group.node.remove();
    groups.delete(group.key);
  }
  if (selected === id) selected = null;
  refresh();
}

// --- groups

function groupOf(approval, into) {
  const key = approval.agent + '\n' + approval.domain;
  let group = groups.get(key);
  if (group) return group;
  group = {key, agent: approval.agent, domain: approval.domain, members: new Set(), wide: false, stale: true};
  group.title = el('span', {class: 'group-title'});
  group.head = el('header', {class: 'group-head', hidden: true}, group.title,
    el('span', {class: 'actions decides'},
      sureButton('Deny all', 'Deny all: sure?', (ids) => decideGroup(group, false, ids), 'deny', () => liveOf(group)),
      sureButton('Approve all', 'Approve all: sure?', (ids) => decideGroup(group, true, ids), 'approve', () => liveOf(group))));
  group.list = el('div', {class: 'group-list'});
  group.more = el('button', {class: 'group-more', hidden: true, onclick: () => { group.wide = !group.wide; group.stale = true; moved(); refresh(); }});
  group.node = el('section', {class: 'group'}, group.head, group.list, group.more);
  groups.set(key, group);
  into.append(group.node);
  return group;
}

const liveOf = (group) => [...group.members].filter((id) => !items.get(id).over);

function tellGroup(group) {
  group.stale = false;
  const live = liveOf(group);
  group.head.hidden = live.length < 2;
  group.node.classList.toggle('many', live.length >= 2);
  if (live.length >= 2) {
    group.title.replaceChildren(el('strong', {}, visible(group.domain)), ` ${plural(live.length, 'question')} of `, el('span', {class: 'agent'}, visible(group.agent)));
  }
  const foldable = group.members.size > shownOfGroup + 1;
  group.more.hidden = !foldable;
  setText(group.more, group.wide ? 'Show fewer' : `Show ${group.members.size - shownOfGroup} more`);
  let shown = 0;
  for (const id of group.members) {
    const item = items.get(id);
    item.row.hidden = foldable && !group.wide && shown >= shownOfGroup && selected !== id;
    ++shown;
  }
}

async function decideGroup(group, approve, ids) {
  const body = {agent: group.agent, domain: group.domain, ids, decision: approve ? 'approve' : 'deny'};
  try {
    const {decided: all} = await ask('v1/approvals/groups', {method: 'POST', body});
    for (const each of all) decided(each.approval, each.released, true);
    toast(`${approve ? 'Approved' : 'Denied'}: ${plural(all.length, 'question')} under ${group.domain}`);
  } catch (error) {
    toast(error.message, 'bad');
  }
}

// --- rows

function buildRow(item) {
  const {id} = item.approval;
  const parts = item.parts = {
    waiting: el('span', {class: 'waiting'}),
    asks: el('span', {class: 'asks'}),
    when: el('span', {class: 'when'}),
    says: el('div', {class: 'row-says'}),
    toggle: el('button', {class: 'opener', type: 'button', 'aria-expanded': 'false', onclick: () => { select(id); toggle(id); }}),
    body: el('div', {class: 'details', hidden: true}),
  };
  const {approval} = item;
  parts.toggle.append(el('span', {class: 'chevron', 'aria-hidden': 'true'}), hostName(approval.host, approval.domain, approval.port));
  const act = (label, kind, title, run) => el('button', {class: kind, type: 'button', title, onclick: (event) => byPointer(event, run)}, label);
  item.row = el('article', {class: 'row', id: 'row-' + id, tabIndex: -1, onfocus: () => select(id)},
    el('div', {class: 'line'},
      el('div', {class: 'what'}, parts.toggle,
        el('div', {class: 'meta'}, el('span', {class: 'agent'}, visible(approval.agent)), parts.asks, parts.when, parts.waiting),
        parts.says),
      el('div', {class: 'actions decides'},
        act('Deny', 'deny', `Deny, for ${usualLength()} (d)`, () => decide(id, false)),
        act('Once', '', 'Approve what waits now, and nothing later (o)', () => decide(id, true, {scope: 'once'})),
        act('Approve', 'approve', `Approve for this agent, for ${usualLength()} (a)`, () => decide(id, true)))),
    parts.body);
}

// What an agent wrote is shown on the row itself only in short; the rest with the question.
function tell(item) {
  const {approval, parts} = item;
  setText(parts.waiting, approval.waiting ? plural(approval.waiting, 'connection waits', 'connections wait') : 'no connection waits now');
  parts.waiting.classList.toggle('live', approval.waiting > 0);
  const request = approval.method ? approval.method + ' ' + (approval.path ?? '') : approval.protocol;
  setText(parts.asks, visible(request || ''));
  parts.asks.hidden = !request;
  setText(parts.when, ago(approval.first_seen));
  parts.when.title = 'first seen ' + approval.first_seen;
  const reason = approval.access_reason || approval.context?.reason;
  if (reason && !parts.says.firstChild) {
    const short = reason.length > 160 ? reason.slice(0, 160) + '…' : reason;
    parts.says.append(el('span', {class: 'says-mark'}, 'agent says'), ' ', el('q', {class: 'words'}, visible(short)));
  }
}

export function tick() {
  const now = Date.now();
  for (const {approval, parts, over} of items.values()) if (!over) setText(parts.when, ago(approval.first_seen, now));
}

// --- deciding

function moved() { movedAt = performance.now(); }

// A click within half a second of a shift was aimed at another row.
function byPointer(event, run) {
  event.stopPropagation();
  const pointer = event.detail > 0;
  if (pointer && performance.now() - movedAt < 500) {
    toast('The list has just moved. Look again, then click.');
    return;
  }
  run();
}

export async function decide(id, approve, instead) {
  const item = items.get(id);
  if (!item || item.over || item.busy || !mayDecide()) return;
  item.busy = true;
  item.row.classList.add('busy');
  try {
    const body = {decision: approve ? 'approve' : 'deny', ...(instead ?? choiceOf(id, approve))};
    const answer = await ask('v1/approvals/' + id, {method: 'POST', body});
    decided(answer.approval, answer.released, true);
  } catch (error) {
    if (error.status === 409 || error.status === 404) {
      const now = await ask('v1/approvals/' + id).catch(() => null);
      toast('Somebody has answered this one already.');
      if (now) decided(now, 0);
    } else {
      toast(error.message, 'bad');
    }
  }
  item.busy = false;
  item.row.classList.remove('busy');
}

// --- selection

function order() {
  return [...document.querySelectorAll('#pending-list .row:not(.over):not([hidden])')].map((row) => row.id.slice(4));
}

export function select(id, focus = false) {
  if (selected !== id) {
    items.get(selected)?.row.classList.remove('selected');
    selected = id;
  }
  const row = items.get(id)?.row;
  if (!row) return;
  row.classList.add('selected');
  if (focus) row.focus({preventScroll: true});
  if (focus) row.scrollIntoView({block: 'nearest'});
}

function selectNext() {
  const row = items.get(selected)?.row;
  const rows = [...document.querySelectorAll('#pending-list .row:not([hidden])')];
  const at = rows.indexOf(row);
  const next = [...rows.slice(at + 1), ...rows.slice(0, at).reverse()].find((each) => !each.classList.contains('over'));
  const hadFocus = row && row.contains(document.activeElement);
  selected = null;
  selectedAt = performance.now();
  if (next) select(next.id.slice(4), hadFocus || document.activeElement === document.body);
}

function step(by) {
  const ids = order();
  if (ids.length === 0) return;
  const at = ids.indexOf(selected);
  select(ids[at < 0 ? 0 : Math.min(ids.length - 1, Math.max(0, at + by))], true);
}

export async function toggle(id) {
  const item = items.get(id);
  if (!item || item.over) return;
  if (open && open !== id) close(open);
  if (open === id) { close(id); return; }
  open = id;
  item.row.classList.add('open');
  item.parts.toggle.setAttribute('aria-expanded', 'true');
  item.parts.body.hidden = false;
  const {nodes, tell: tellMore} = details(item.approval, mayDecide(), (approve) => decide(id, approve));
  item.parts.body.replaceChildren(...nodes);
  const full = await ask('v1/approvals/' + id).catch(() => null);
  if (full && open === id && !item.over) tellMore({...full, waiting: item.approval.waiting});
}

function close(id) {
  const item = items.get(id);
  open = null;
  forget(id);  // the row's own buttons say what they do, whatever was chosen where nobody sees it any more
  if (!item || item.over) return;
  item.row.classList.remove('open');
  item.parts.toggle.setAttribute('aria-expanded', 'false');
  item.parts.body.hidden = true;
  item.parts.body.replaceChildren();
}

export function pressed(event) {
  const {key} = event;
  if (key === 'j' || key === 'ArrowDown') step(1);
  else if (key === 'k' || key === 'ArrowUp') step(-1);
  else if (key === '/') byId('pending-filter').focus();
  else if (!selected || !items.has(selected)) return false;
  else if (key === 'Enter' || key === ' ') {
    if (event.target.closest('button, input, select, a')) return false;
    toggle(selected);
  } else if ('aod'.includes(key)) {
    // The selection moved on by itself: a second press that was already on its way is not for this one.
    if (event.repeat || performance.now() - selectedAt < 250) return true;
    if (key === 'a') decide(selected, true);
    else if (key === 'o') decide(selected, true, {scope: 'once'});
    else decide(selected, false);
  } else return false;
  return true;
}

// --- the view as a whole

let asked = false;
function refresh() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    for (const group of groups.values()) if (group.stale) tellGroup(group);
    applyFilter();
    const count = pendingCount();
    byId('pending-empty').hidden = items.size > 0;
    byId('pending-filter').hidden = items.size < 8 && !byId('pending-filter').value;
    byId('pending-head').hidden = items.size === 0;
    const agents = new Set([...items.values()].map((item) => item.approval.agent)).size;
    setText(byId('pending-title'), count === 1 ? 'One question waits for you' : `${count.toLocaleString('en')} questions wait for you`);
    setText(byId('pending-subtitle'), `of ${plural(agents, 'agent')} · oldest first`);
    onCount(count);
  });
}

function applyFilter() {
  const wanted = byId('pending-filter').value.trim().toLowerCase();
  for (const group of groups.values()) {
    const fits = !wanted || group.domain.includes(wanted) || group.agent.toLowerCase().includes(wanted) ||
      [...group.members].some((id) => items.get(id).approval.host.includes(wanted));
    group.node.hidden = !fits;
  }
}
byId('pending-filter').addEventListener('input', () => { moved(); refresh(); });
