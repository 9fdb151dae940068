// The policy in force, and what it would say to a URL.
import {ask, query} from './api.js';
import {byId, el, setText, toast, visible} from './dom.js';

export async function loadPolicy(role) {
  const [policy, known] = await Promise.all([ask('v1/policy'), ask('v1/agents').catch(() => ({agents: []}))]);
  byId('policy-subtitle').replaceChildren(el('span', {class: 'mono'}, visible(policy.path)), ' · ', el('span', {class: 'mono', title: policy.uid}, 'uid ' + policy.uid.slice(0, 12)));
  byId('policy-reload').hidden = role !== 'admin';
  byId('agents').replaceChildren(...known.agents.map((agent) => el('option', {value: agent.name})));
  byId('policy-warnings').replaceChildren(...policy.warnings.map((warning) => el('p', {class: 'warning'}, visible(warning))));
  byId('policy-file').replaceChildren(...fileWords(policy.file));
  const lines = policy.text ? policy.text.replace(/\n$/, '').split('\n') : [];
  const code = byId('policy-text');
  if (lines.length === 0) {
    code.replaceChildren(el('div', {class: 'empty small'}, el('h2', {}, 'No policy file'), el('p', {}, 'The default is in force: whatever no rule names is asked about.')));
    return;
  }
  code.replaceChildren(...lines.slice(0, 5000).map((line, index) => codeLine(line, index + 1)));
}

// What is shown is what decides; the file on disk may say something else by now.
function fileWords({state, complaints}) {
  if (state === 'in force') return [];
  const faults = complaints.flatMap((text) => text.split('\n')).filter((line) => line.trim());
  const why = state === 'unreadable' ? 'The policy file can’t be read. The rules below stay in force.' :
    faults.length > 0 ? 'The policy file was changed and can’t be used. The rules below stay in force.' :
    'The policy file says something else by now. The rules below are in force.';
  return [el('div', {class: 'warning file-state'}, el('p', {}, why),
    faults.length > 0 && el('ul', {}, faults.map((line) => el('li', {class: 'mono'}, visible(line.trim())))))];
}

// Keys and comments are told apart by weight alone; this is no parser.
function codeLine(line, number) {
  const [, indent, key, rest] = /^(\s*(?:- )?)([A-Za-z_@./*"-][\w @./*"-]*:)?(.*)$/.exec(line) ?? ['', '', '', line];
  const comment = rest.search(/(^|\s)#/);
  return el('div', {class: 'code-line', id: 'line-' + number}, el('span', {class: 'number', 'aria-hidden': 'true'}, String(number)),
    el('span', {class: 'code-text'}, visible(indent ?? ''), key && el('b', {}, visible(key)),
      comment < 0 ? visible(rest) : [visible(rest.slice(0, comment)), el('i', {}, visible(rest.slice(comment)))]));
}

function showLine(rule, scroll = true) {
  const number = /:(\d+)$/.exec(rule)?.[1];
  document.querySelectorAll('.code-line.lit').forEach((line) => line.classList.remove('lit'));
  const line = number && byId('line-' + number);
  if (!line) return;
  line.classList.add('lit');
  if (scroll) line.scrollIntoView({block: 'center', behavior: 'smooth'});
}

function ruleLine(match) {
  const kind = {allow: 'good', deny: 'bad', ask: 'warn'}[match.action];
  return el('li', {class: match.won ? 'won' : ''}, el('span', {class: 'pill ' + kind}, match.action), ' ',
    el('button', {class: 'link mono', type: 'button', onclick: () => showLine(match.rule)}, visible(match.rule)), ' ',
    el('span', {class: 'muted'}, visible(match.why)));
}

async function explain(event) {
  event.preventDefault();
  const wanted = Object.fromEntries(new FormData(byId('explain-form')));
  const result = byId('explain-result');
  if (!wanted.url.trim()) { byId('explain-form').elements.url.focus(); return; }
  try {
    const answer = await ask(query('v1/policy/explain', {...wanted, url: wanted.url.trim()}));
    const said = {allow: 'Allowed', deny: 'Denied', ask: 'Held until somebody decides'}[answer.verdict];
    const kind = {allow: 'good', deny: 'bad', ask: 'warn'}[answer.verdict];
    result.replaceChildren(el('div', {class: 'sheet answer ' + kind},
      el('p', {class: 'answer-head'}, el('strong', {}, said), ' ', el('span', {class: 'mono'}, visible(answer.to)), el('span', {class: 'muted'}, ' for ' + visible(answer.agent))),
      el('p', {}, visible(answer.reason)),
      answer.note && el('p', {class: 'muted'}, visible(answer.note)),
      answer.inspected_by && el('p', {class: 'muted'}, 'Seen inside TLS with Sallyport’s own CA, because of ', el('button', {class: 'link mono', type: 'button', onclick: () => showLine(answer.inspected_by)}, visible(answer.inspected_by)), '.'),
      (answer.injects ?? []).map((what) => el('p', {class: 'muted'}, 'Puts in ', el('span', {class: 'mono'}, visible(what)), '.')),
      answer.matches.length > 0 && el('ul', {class: 'rules'}, answer.matches.map(ruleLine))));
    const won = answer.matches.find((match) => match.won);
    if (won) showLine(won.rule, false);
  } catch (error) {
    result.replaceChildren(el('div', {class: 'sheet answer bad'}, el('p', {}, visible(error.message))));
  }
}

byId('explain-form').addEventListener('submit', explain);
byId('policy-reload').addEventListener('click', async () => {
  try {
    const {uid} = await ask('v1/policy/reload', {method: 'POST', body: {}});
    setText(byId('policy-subtitle'), 'uid ' + uid.slice(0, 12));
    toast('The policy was read again and applies.');
    await loadPolicy('admin');
  } catch (error) {
    toast(error.message, 'bad');
  }
});
