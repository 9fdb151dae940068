// One question opened: what is known of it, what was answered before, and how to answer now.
import {ago, clock, el, hostName, plural, until, visible, words} from './dom.js';

const choices = new Map();
let usualTtl = '8h';
export const setUsualTtl = (ttl) => { usualTtl = ttl; };
export const forget = (id) => choices.delete(id);

const lengths = [['10m', '10 minutes'], ['1h', '1 hour'], ['8h', '8 hours'], ['24h', '1 day'], ['7d', '7 days'], ['30d', '30 days']];
const lengthOf = (ttl) => lengths.find(([value]) => value === ttl)?.[1] ?? ttl;

// How long an answer holds where nobody chose otherwise.
export const usualLength = () => lengthOf(usualTtl);

function choice(id) {
  if (!choices.has(id)) choices.set(id, {scope: 'agent', match: 'host', ttl: usualTtl, uses: '', upload: '', note: ''});
  return choices.get(id);
}

// The body of a decision, as far as somebody chose something.
export function choiceOf(id, approve) {
  const chosen = choices.get(id);
  if (!chosen) return {};
  const body = {scope: chosen.scope, match: chosen.match};
  if (chosen.note) body.note = chosen.note;
  if (chosen.scope === 'once') return body;
  body.ttl = chosen.ttl;
  if (approve && chosen.uses) body.uses = Number(chosen.uses);
  if (approve && chosen.upload) body.upload = chosen.upload;
  return body;
}

// What approving would mean, in words.
function sentenceOf(approval, chosen) {
  const who = chosen.scope === 'everyone' ? 'every agent' : 'the agent ' + visible(approval.agent);
  const what = (chosen.match === 'subdomains' ? visible(approval.host) + ' and all names below it' : visible(approval.host)) + ', port ' + approval.port;
  const request = approval.method ? `send ${visible(approval.method)} ${visible(approval.path ?? '')} to ` : 'reach ';
  if (chosen.scope === 'once') return `Approving lets ${approval.waiting > 1 ? `the ${approval.waiting} connections that wait` : 'this one connection'} ${request}${what}, and nothing later.`;
  const bounds = [];
  if (chosen.uses) bounds.push(`at most ${plural(Number(chosen.uses), 'time')}`);
  if (chosen.upload) bounds.push(`sending at most ${visible(chosen.upload)}`);
  return `Approving lets ${who} ${request}${what}, for ${lengthOf(chosen.ttl)}${bounds.length ? ', ' + bounds.join(', ') : ''}.`;
}

const fact = (name, ...value) => el('div', {class: 'fact'}, el('dt', {}, name), el('dd', {}, ...value));

function facts(approval) {
  const list = [
    fact('Destination', el('span', {class: 'mono whole'}, visible(approval.host) + ':' + approval.port), approval.domain !== approval.host && el('span', {class: 'muted'}, ' of ' + visible(approval.domain))),
    fact('Asked by', approval.rule ? el('span', {class: 'mono'}, visible(approval.rule)) : 'the default', approval.reason && el('span', {class: 'muted'}, ' · ' + visible(approval.reason))),
    fact('First seen', clock(approval.first_seen), el('span', {class: 'muted'}, ` · ${ago(approval.first_seen)}, tried ${plural(approval.tries, 'time')}, last ${ago(approval.last_seen)}`)),
    fact('Came by', visible(approval.door), approval.protocol && ` · ${visible(approval.protocol)}`, approval.source && el('span', {class: 'muted'}, ` · from ${visible(approval.source)}`)),
  ];
  if (approval.method) list.push(fact('Request', el('span', {class: 'mono'}, visible(approval.method + ' ' + (approval.path ?? '')))));
  if (approval.process) list.push(fact('Program', el('span', {class: 'mono whole'}, visible(approval.process.cmd_line || approval.process.path || approval.process.name)), el('span', {class: 'muted'}, ` · pid ${approval.process.pid}${(approval.process.parents ?? []).map((parent) => ` < ${visible(parent.name ?? '?')}`).join('')}`)));
  return el('dl', {class: 'facts'}, list);
}

const said = {reason: 'works on', tool: 'tool', tool_call: 'tool call', session: 'session', traceparent: 'trace'};

function agentSays(approval) {
  const entries = [];
  if (approval.access_reason) entries.push(['its reason', approval.access_reason]);
  if (approval.request_path) entries.push(['path', approval.request_path]);
  for (const [key, text] of Object.entries(approval.context ?? {})) entries.push([said[key] ?? key, text]);
  if (entries.length === 0) return null;
  return el('div', {class: 'says'}, el('span', {class: 'says-mark'}, 'agent says'),
    el('dl', {}, entries.map(([name, text]) => fact(name, words(text)))),
    el('p', {class: 'muted small'}, 'Written by the agent, and not checked.'));
}

function similar(approval) {
  if (!approval.similar?.length) return null;
  return el('div', {class: 'similar'}, el('h3', {}, 'Answered before'),
    el('ul', {}, approval.similar.map((grant) => el('li', {},
      el('span', {class: 'pill ' + (grant.decision === 'approve' ? 'good' : 'bad')}, grant.decision === 'approve' ? 'approved' : 'denied'), ' ',
      hostName(grant.host, approval.domain, grant.port), grant.match === 'subdomains' && ' and below', ' ',
      el('span', {class: 'muted'}, `for ${grant.scope === 'everyone' ? 'every agent' : visible(grant.agent)}, by ${visible(grant.by.name)} ${ago(grant.created)}, ${until(grant.expires)}`),
      grant.note && el('span', {class: 'muted'}, ` · note: ${visible(grant.note)}`)))));
}

function segmented(label, name, options, chosen, changed) {
  return el('fieldset', {class: 'segmented'}, el('legend', {}, label),
    el('span', {class: 'options'}, options.map(([value, text]) => el('label', {},
      el('input', {type: 'radio', name, value, checked: chosen === value, onchange: () => changed(value)}), el('span', {}, text)))));
}

function form(approval, decide) {
  const {id} = approval;
  const chosen = choice(id);
  const sentence = el('p', {class: 'sentence', 'aria-live': 'polite'}, sentenceOf(approval, chosen));
  const set = (key) => (value) => {
    chosen[key] = value;
    box.classList.toggle('once', chosen.scope === 'once');
    sentence.textContent = sentenceOf(approval, chosen);
  };
  const input = (label, key, properties) => el('label', {class: 'field bound'}, label,
    el('input', {type: 'text', value: chosen[key], oninput: (event) => set(key)(event.target.value.trim()), ...properties}));
  const all = lengths.some(([value]) => value === usualTtl) ? lengths : [[usualTtl, usualTtl], ...lengths];
  const box = el('div', {class: 'choose' + (chosen.scope === 'once' ? ' once' : '')},
    el('div', {class: 'choose-row'},
      segmented('For whom', 'scope-' + id, [['once', 'Once'], ['agent', 'This agent'], ['everyone', 'Every agent']], chosen.scope, set('scope')),
      segmented('What', 'match-' + id, [['host', 'This host'], ['subdomains', 'And below it']], chosen.match, set('match')),
      el('label', {class: 'field bound'}, 'How long', el('select', {onchange: (event) => set('ttl')(event.target.value)},
        all.map(([value, text]) => el('option', {value, selected: value === chosen.ttl}, text)))),
      input('At most', 'uses', {inputMode: 'numeric', placeholder: 'any uses', size: 7}),
      input('Upload', 'upload', {placeholder: 'no limit', size: 7, title: 'such as 200MiB'}),
      el('label', {class: 'field grow'}, 'Note for the log', el('input', {type: 'text', maxLength: 1000, value: chosen.note, placeholder: 'why', oninput: (event) => set('note')(event.target.value)}))),
    sentence,
    el('div', {class: 'choose-actions decides'},
      el('button', {class: 'deny', type: 'button', onclick: () => decide(false)}, 'Deny'),
      el('button', {class: 'approve', type: 'button', onclick: () => decide(true)}, 'Approve')));
  return box;
}

export function details(approval, mayDecide, decide) {
  const known = el('div', {class: 'known'});
  // What the server knows besides comes a moment later; the form stays, as somebody may be typing in it.
  const tell = (more) => known.replaceChildren(...[facts(more), agentSays(more), similar(more)].filter(Boolean));
  tell(approval);
  return {nodes: [known, mayDecide && form(approval, decide)].filter(Boolean), tell};
}
