// Everything that came from elsewhere reaches the page as text: no HTML is made from it.

export const element = (id) => document.getElementById(id);

/** Shows rows in the body of a table. Rows of the same key stay in place, and so does the focus in them. */
export function showRows(id, rows, nothing) {
  const body = element(id);
  const old = new Map([...body.rows].map((row) => [row.dataset.key, row]));
  const shown = rows.length > 0 ? rows : [{ key: '', cells: [nothing] }];
  const made = shown.map(({ key, cells, button, isBad }) => {
    const row = old.get(key) ?? newRow(key);
    row.classList.toggle('bad', Boolean(isBad));
    showCells(row, button ? [...cells, ''] : cells);
    row.cells[0].colSpan = key === '' ? body.parentElement.tHead.rows[0].cells.length : 1;
    if (button) showButton(row.lastElementChild, button);
    return row;
  });
  if (made.length !== body.rows.length || made.some((row, at) => row !== body.rows[at]))
    body.replaceChildren(...made);
}

function newRow(key) {
  const row = document.createElement('tr');
  row.dataset.key = key;
  return row;
}

function showCells(row, cells) {
  while (row.cells.length > cells.length) row.lastElementChild.remove();
  while (row.cells.length < cells.length) row.append(document.createElement('td'));
  for (const [at, text] of cells.entries()) {
    const cell = row.cells[at];
    if (cell.dataset.text === String(text)) continue;
    cell.dataset.text = String(text);
    cell.textContent = String(text);
  }
}

function showButton(cell, { text, label, act }) {
  const button = cell.querySelector('button') ?? document.createElement('button');
  button.type = 'button';
  button.textContent = text;
  button.setAttribute('aria-label', label);
  button.onclick = act;
  if (!button.isConnected) cell.append(button);
}

/** Shows pairs of a name and a value. */
export function showFacts(id, facts) {
  element(id).replaceChildren(
    ...facts.map(([name, value]) => {
      const pair = document.createElement('div');
      const [term, detail] = [document.createElement('dt'), document.createElement('dd')];
      term.textContent = name;
      detail.textContent = value;
      pair.append(term, detail);
      return pair;
    }),
  );
}

/** Offers these options in a list, and keeps what was chosen. */
export function showOptions(select, names) {
  if ([...select.options].map(({ value }) => value).join('\n') === names.join('\n')) return;
  const { value } = select;
  select.replaceChildren(...names.map((name) => new Option(name, name)));
  if (names.includes(value)) select.value = value;
}

/** A text that is read out only when it changes. */
export function showText(id, text, isBad = false) {
  const target = element(id);
  target.classList.toggle('bad', isBad);
  if (target.textContent !== text) target.textContent = text;
}

/** Asks before something that cannot be undone. */
export function confirmed(question) {
  const dialog = element('confirm');
  element('question').textContent = question;
  return new Promise((resolve) => {
    const answer = (value) => () => {
      dialog.onclose = null;
      dialog.close();
      resolve(value);
    };
    element('confirm-yes').onclick = answer(true);
    element('confirm-no').onclick = answer(false);
    dialog.onclose = answer(false);
    dialog.showModal();
  });
}
