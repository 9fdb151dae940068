// Who may use this API over TCP: its tokens, for those whose role is admin.
import {ask} from './api.js';
import {ago, byId, el, plural, setText, sureButton, toast, visible} from './dom.js';

const roles = {
  viewer: ['', 'sees everything, decides nothing'],
  approver: ['warn', 'answers questions and revokes grants'],
  admin: ['bad', 'decides, reloads the policy, attaches agents, makes tokens'],
};

let mine = '';

export async function loadTokens(name) {
  mine = name;
  const {tokens} = await ask('v1/tokens');
  setText(byId('tokens-subtitle'), `${plural(tokens.length, 'token')}. Only a hash of each is kept, so none can be shown again.`);
  byId('tokens-list').replaceChildren(...tokens.map(row));
}

function row(token) {
  const [kind, may] = roles[token.role] ?? ['', ''];
  const me = token.name === mine;
  return el('article', {class: 'row token'}, el('div', {class: 'line'},
    el('div', {class: 'what'},
      el('div', {class: 'title'}, el('strong', {class: 'mono whole'}, visible(token.name)), ' ', el('span', {class: 'pill ' + kind}, visible(token.role)), me && el('span', {class: 'muted'}, ' this is you')),
      el('div', {class: 'meta'}, el('span', {}, may), el('span', {title: token.created}, 'made ' + ago(token.created)))),
    el('div', {class: 'actions'}, sureButton('Remove', me ? 'Your own: sure?' : 'Remove: sure?', () => remove(token.name), 'deny'))));
}

async function remove(name) {
  try {
    await ask('v1/tokens/' + encodeURIComponent(name), {method: 'DELETE'});
    forgetShown(name);
    toast(`Removed: ${name}. Whoever has it is nobody now.`);
  } catch (error) {
    toast(error.message, 'bad');
  }
  await loadTokens(mine).catch(() => {});
}

// The one time that a token can be seen. Leaving the view forgets it.
function show({name, role, token}) {
  const shown = byId('tokens-made');
  const text = el('code', {class: 'secret', tabIndex: 0}, token);
  const copy = el('button', {type: 'button', onclick: async () => {
    try {
      await navigator.clipboard.writeText(token);
      toast('Copied.');
    } catch {
      getSelection().selectAllChildren(text);
      toast('Selected: copy it with your keyboard.');
    }
  }}, 'Copy');
  shown.dataset.name = name;
  shown.replaceChildren(
    el('div', {class: 'sheet-head'}, el('strong', {}, `The token of ${visible(name)}, ${visible(role)}`), copy),
    el('div', {class: 'made'}, text, el('p', {class: 'muted'}, 'It is shown only now. Hand it over by a way that nobody else reads; it opens this page, and goes into “Authorization: Bearer …” of a program.')));
  shown.hidden = false;
  text.focus();
}

function forgetShown(name) {
  const shown = byId('tokens-made');
  if (name !== undefined && shown.dataset.name !== name) return;
  shown.replaceChildren();
  shown.hidden = true;
}
export const leaveTokens = () => forgetShown();

byId('tokens-form').addEventListener('submit', async (event) => {
  event.preventDefault();
  const fields = event.target.elements;
  const name = fields.name.value.trim();
  if (!name) { fields.name.focus(); return; }
  try {
    const made = await ask('v1/tokens', {method: 'POST', body: {name, role: fields.role.value}});
    fields.name.value = '';
    await loadTokens(mine);
    show(made);
  } catch (error) {
    toast(error.message, 'bad');
  }
});
