// The audit log with its filters.
import {ask, query} from './api.js';
import {byId, bytes, dated, el, hostName, setText, toast, visible, zone} from './dom.js';

let next = '';
let wanted = {};
let searching = 0;

export async function loadAudit() {
  wanted = Object.fromEntries(new FormData(byId('audit-form')));
  next = '';
  byId('audit-list').replaceChildren();
  setText(byId('audit-subtitle'), `Newest first, as the log on disk has it. Times are this browser's: ${zone()}.`);
  await more();
}

async function more() {
  const mine = ++searching;
  const list = byId('audit-list');
  byId('audit-more').disabled = true;
  try {
    const answer = await ask(query('v1/audit', {...wanted, limit: '100', cursor: next}));
    if (mine !== searching) return;
    const fragment = document.createDocumentFragment();
    for (const record of answer.records) fragment.append(row(record));
    list.append(fragment);
    next = answer.next ?? '';
    byId('audit-more').hidden = !next;
    setText(byId('audit-more'), answer.searched ? 'Show earlier records' : 'Search further back');
    if (!list.firstChild) list.append(el('div', {class: 'empty small'}, el('h2', {}, 'No record fits'),
      el('p', {}, next ? 'None in the part of the log that was searched.' : 'Widen the filters: fewer words, an earlier time.')));
    else if (list.children.length > 1) list.querySelector('.empty')?.remove();
  } catch (error) {
    toast(error.message, 'bad');
  } finally {
    byId('audit-more').disabled = false;
  }
}

// Of a connection: the word, and how it looks.
const activities = {
  1: ['opened', 'good'], 2: ['closed', ''], 3: ['cut', 'warn'], 4: ['failed', ''], 5: ['refused', 'bad'], 6: ['traffic', ''], 99: ['held', 'warn'],
};

function row(record) {
  const own = record.unmapped?.sallyport ?? {};
  const [word, kind] = label(record, own);
  const line = el('button', {class: 'record', type: 'button', 'aria-expanded': 'false', onclick: () => expand(line, record)},
    el('span', {class: 'time', title: new Date(record.time).toISOString()}, dated(record.time)),
    el('span', {class: 'pill ' + kind}, visible(word)),
    el('span', {class: 'record-what'}, ...what(record, own)),
    el('span', {class: 'muted record-why'}, visible(own.note || own.reason || record.status_detail || record.message || '')));
  return el('div', {class: 'record-box'}, line);
}

function label(record, own) {
  const looks = {allow: 'good', deny: 'bad', ask: 'warn'}[own.verdict] ?? '';
  switch (record.class_uid) {
    case 4001: return activities[record.activity_id] ?? ['connection', ''];
    case 4002: return [record.http_response?.code ? String(record.http_response.code) : 'request', looks];
    case 4003: return [record.rcode ?? 'lookup', looks];
    case 6003: return decision(record.api?.operation ?? 'change');
    default: return [own.checkpoint ? 'checkpoint' : {3: 'start', 4: 'stop'}[record.activity_id] ?? 'Sallyport', ''];
  }
}

function decision(operation) {
  const word = operation.split('.').pop();
  return {approve: ['approved', 'good'], deny: ['denied', 'bad'], revoke: ['revoked', 'warn']}[word] ?? [word, ''];
}

function what(record, sallyport) {
  const host = record.dst_endpoint?.hostname ?? record.dst_endpoint?.name ?? record.dst_endpoint?.ip ?? record.query?.hostname;
  const agent = sallyport.agent ?? record.src_endpoint?.name;
  const parts = [];
  if (agent) parts.push(el('span', {class: 'agent'}, visible(agent)));
  if (record.http_request) parts.push(el('span', {class: 'asks'}, visible(`${record.http_request.http_method ?? ''} ${record.http_request.url?.path ?? ''}`)));
  if (record.query) parts.push(el('span', {class: 'asks'}, visible(record.query.type ?? '')));
  if (host) parts.push(hostName(host, '', record.dst_endpoint?.port));
  if (record.class_uid === 6003) parts.push(el('span', {class: 'muted'}, `by ${visible(record.actor?.user?.name ?? 'sallyport')}` + (sallyport.through ? ` through ${visible(sallyport.through)}` : '')));
  if (record.traffic?.bytes_in || record.traffic?.bytes_out) parts.push(el('span', {class: 'muted'}, `↓ ${bytes(record.traffic.bytes_in ?? 0)} ↑ ${bytes(record.traffic.bytes_out ?? 0)}`));
  return parts;
}

function expand(line, record) {
  const box = line.parentElement;
  const there = box.querySelector('pre');
  line.setAttribute('aria-expanded', String(!there));
  if (there) { there.remove(); return; }
  const text = JSON.stringify(record, null, 2).split('\n').map(visible).join('\n');
  box.append(el('pre', {}, text));
}

byId('audit-form').addEventListener('submit', (event) => {
  event.preventDefault();
  loadAudit();
});
byId('audit-more').addEventListener('click', more);
