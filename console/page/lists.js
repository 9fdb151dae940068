// Live connections and grants.
import {ask} from './api.js';
import {ago, byId, bytes, el, hostName, plural, setText, sureButton, toast, until, visible} from './dom.js';
import {mayDecide} from './pending.js';

const emptied = (title, text) => el('div', {class: 'empty small'}, el('h2', {}, title), el('p', {}, text));

// --- connections

export async function loadConnections() {
  const {connections, more} = await ask('v1/connections');
  const held = connections.filter((connection) => connection.state === 'held').length;
  setText(byId('connections-subtitle'), connections.length === 0 ? '' :
    `${plural(connections.length - held, 'open connection')}, ${held} held${more ? ', and more that are not shown' : ''}`);
  const list = byId('connections-list');
  if (connections.length === 0) {
    list.replaceChildren(emptied('No connections now', 'Connections of agents appear here while they are open or held.'));
    return;
  }
  connections.sort((a, b) => (b.state === 'held') - (a.state === 'held') || b.since.localeCompare(a.since));
  list.replaceChildren(el('div', {class: 'table connections', role: 'table', 'aria-label': 'Live connections'},
    el('div', {class: 'tr th', role: 'row'}, ['Destination', 'Agent', 'State', 'Since', 'Received', 'Sent'].map((name) => el('span', {role: 'columnheader'}, name))),
    connections.map(connectionRow)));
}

function connectionRow(connection) {
  const cell = (label, ...content) => el('span', {role: 'cell', 'data-label': label}, ...content);
  const held = connection.state === 'held';
  return el('div', {class: 'tr', role: 'row'},
    cell('Destination', connection.host ? hostName(connection.host, '', connection.port) : el('span', {class: 'muted'}, 'not known yet')),
    cell('Agent', el('span', {class: 'agent'}, visible(connection.agent)), el('span', {class: 'muted'}, ' ' + visible(connection.door))),
    cell('State', el('span', {class: 'pill ' + (held ? 'warn' : connection.grant ? 'good' : '')}, held ? 'held' : connection.grant ? 'open by grant' : 'open')),
    cell('Since', ago(connection.since)), cell('Received', bytes(connection.bytes_in)), cell('Sent', bytes(connection.bytes_out)));
}

// --- grants

export async function loadGrants() {
  const {grants, next} = await ask('v1/grants?limit=1000');
  const list = byId('grants-list');
  byId('grants-policy').hidden = grants.length === 0;
  if (grants.length === 0) {
    list.replaceChildren(emptied('No grants', 'When a question is answered, the answer stands here until it ends or is revoked.'));
    return;
  }
  list.replaceChildren(...grants.map(grantRow), next ? el('p', {class: 'muted more'}, 'and more that are not shown') : '');
}

function grantRow(grant) {
  const yes = grant.decision === 'approve';
  const bounds = [];
  if (grant.uses_left !== undefined) bounds.push(plural(grant.uses_left, 'use') + ' left');
  if (grant.upload_left !== undefined) bounds.push(bytes(grant.upload_left) + ' of upload left');
  const whom = grant.scope === 'everyone' ? el('span', {class: 'agent everyone'}, 'every agent') : el('span', {class: 'agent'}, visible(grant.agent));
  const row = el('article', {class: 'row grant'}, el('div', {class: 'line'},
    el('div', {class: 'what'},
      el('div', {class: 'title'}, el('span', {class: 'pill ' + (yes ? 'good' : 'bad')}, yes ? 'approved' : 'denied'), ' ',
        hostName(grant.host, '', grant.port), grant.match === 'subdomains' && el('span', {class: 'muted'}, ' and below')),
      el('div', {class: 'meta'}, whom,
        grant.method && el('span', {class: 'asks'}, visible(grant.method + ' ' + (grant.path ?? ''))),
        el('span', {title: grant.expires}, grant.scope === 'once' ? 'once' : until(grant.expires)),
        el('span', {}, 'used ' + plural(grant.used, 'time')), bounds.map((bound) => el('span', {}, bound)),
        el('span', {}, `by ${visible(grant.by.name)} through ${visible(grant.by.through)}, ${ago(grant.created)}`)),
      grant.note && el('div', {class: 'note'}, visible(grant.note))),
    mayDecide() && el('div', {class: 'actions'}, sureButton('Revoke', 'Revoke: sure?', () => revoke(grant.id), 'deny'))));
  return row;
}

async function revoke(id) {
  try {
    const grant = await ask('v1/grants/' + id, {method: 'DELETE'});
    toast(`Revoked: ${grant.host}. Connections that lived on it end now.`);
  } catch (error) {
    toast(error.message, 'bad');
  }
  await loadGrants();
}

byId('grants-policy').addEventListener('click', async () => {
  const sheet = byId('grants-yaml');
  if (!sheet.hidden) { sheet.hidden = true; return; }
  const yaml = await ask('v1/grants?format=policy', {text: true});
  const copy = el('button', {type: 'button', onclick: async () => {
    await navigator.clipboard.writeText(yaml);
    toast('Copied.');
  }}, 'Copy');
  sheet.replaceChildren(el('div', {class: 'sheet-head'}, el('strong', {}, 'The rules that would replace these grants'), copy), el('pre', {}, visibleLines(yaml)));
  sheet.hidden = false;
});

export const visibleLines = (text) => text.split('\n').map(visible).join('\n');
