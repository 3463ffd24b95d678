import { element, jsonOf, send } from './answer.js';

const byId = (id) => document.getElementById(id);
const sections = Object.fromEntries([...document.querySelectorAll('section')].map((it) => [it.id, it]));
const MOST_HEARD = 20;

// An account that nobody has, so that each page begins with all its guesses.
const nobody = `nobody-${crypto.randomUUID()}@example.com`;
// The user of section 1: the first one, or who is logged in.
let userId;

/** One press at a time: a button that waits for its answer does nothing, and keeps the focus. */
function onPress(target, kind, act) {
  let isBusy = false;
  target.addEventListener(kind, async (event) => {
    event.preventDefault();
    if (isBusy) return;
    isBusy = true;
    const button = event.submitter ?? event.currentTarget;
    button.setAttribute('aria-disabled', 'true');
    await act().finally(() => {
      isBusy = false;
      button.removeAttribute('aria-disabled');
    });
  });
}

onPress(byId('read'), 'click', async () => {
  userId ??= (await jsonOf('users?limit=1'))?.users[0]?.id;
  const { status } = await send(sections.cache, 'GET', `users/${userId}`, {
    verdict: ({ status, field, json }) => {
      if (status !== 200) return undefined;
      const cacheStatus = field('Cache-Status');
      if (cacheStatus.includes('hit')) return `HIT: ${json.name}, from Redis`;
      return cacheStatus.includes('fwd=') ? `MISS: ${json.name}, from PostgreSQL` : undefined;
    },
  });
  // Somebody has deleted the user: the next press reads another one.
  if (status === 404) userId = undefined;
});

async function guess() {
  const { status, field } = await send(sections.limit, 'POST', 'auth/login', {
    body: { email: nobody, password: 'a guess' },
    verdict: ({ status, field }) =>
      status === 429 ? `REFUSED: try again in ${field('Retry-After')} s` : undefined,
  });
  const left = /"login";r=(\d+)/.exec(field('RateLimit'))?.[1] ?? 0;
  byId('left').value = left;
  byId('left-text').value = left;
  return status;
}

onPress(byId('guess'), 'click', guess);
onPress(byId('guess-on'), 'click', async () => {
  while ((await guess()) === 401);
});

const credentials = () => Object.fromEntries(new FormData(byId('login')));

onPress(byId('login'), 'submit', async () => {
  const verdict = ({ status, json }) => (status === 200 ? `Logged in as ${json.name}` : undefined);
  const { status, json } = await send(sections.sessions, 'POST', 'auth/login', {
    body: credentials(),
    verdict,
  });
  if (status !== 200) return;
  userId = json.id;
  await listSessions();
});

onPress(byId('second'), 'click', async () => {
  // Without credentials the browser does not keep the cookie: the session is one that this page does not have.
  await send(sections.sessions, 'POST', 'auth/login', {
    body: credentials(),
    credentials: 'omit',
    verdict: ({ status, json }) =>
      status === 200 ? `${json.name} is logged in on another device` : undefined,
  });
  await listSessions();
});

onPress(byId('list'), 'click', async () => {
  const { json } = await send(sections.sessions, 'GET', 'auth/sessions', {
    verdict: ({ json }) => json?.sessions && `Sessions: ${json.sessions.length}`,
  });
  showDevices(json?.sessions);
});

onPress(byId('logout'), 'click', async () => {
  await send(sections.sessions, 'POST', 'auth/logout', { verdict: () => 'Logged out' });
  showDevices();
});

/** Shows the list anew, and leaves the answer that is shown. */
async function listSessions() {
  showDevices((await jsonOf('auth/sessions'))?.sessions);
}

function showDevices(sessions = []) {
  byId('devices').replaceChildren(...sessions.map(deviceOf));
}

function deviceOf({ handle, current, createdAt }) {
  const item = document.createElement('li');
  const since = new Date(createdAt).toLocaleTimeString();
  item.append(element('span', `${current ? 'This browser' : 'Another device'}, since ${since}`));
  if (current) return item;
  const end = element('button', 'End this session');
  end.type = 'button';
  onPress(end, 'click', async () => {
    await send(sections.sessions, 'DELETE', `auth/sessions/${handle}`, { verdict: () => 'Ended' });
    await listSessions();
    // The button is gone: whoever uses the keyboard goes on from here.
    byId('list').focus();
  });
  item.append(end);
  return item;
}

onPress(byId('rename'), 'submit', async () => {
  const { id = userId } = (await jsonOf('auth/me')) ?? {};
  const name = new FormData(byId('rename')).get('name');
  await send(sections.change, 'PATCH', `users/${id}`, {
    body: { name },
    verdict: ({ status, json }) => (status === 200 ? `The name is ${json.name}` : undefined),
  });
});

function hear(text) {
  const heard = byId('heard');
  heard.prepend(element('li', `${new Date().toLocaleTimeString()} ${text}`));
  while (heard.children.length > MOST_HEARD) heard.lastChild.remove();
}

function watchEvents() {
  const events = new EventSource('users/events');
  const say = (text) => {
    byId('listening').textContent = text;
  };
  events.onopen = () => say('This page listens to events.');
  events.onerror = () => say('The events are interrupted. Trying again …');
  for (const type of ['created', 'changed', 'deleted']) {
    events.addEventListener(type, ({ data }) => hear(`${type}: ${JSON.parse(data).id}`));
  }
  events.addEventListener('gap', () => hear('some events were missed'));
}

watchEvents();
