import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { docsPages } from './docs-pages.js';
import { errorsPage, withReference } from './docs-reference.js';
import { eventsPage } from './events-reference.js';

const root = join(__dirname, '..');
for (const { path, text } of docsPages()) writeFileSync(join(root, path), withReference(text));
writeFileSync(join(root, 'docs/errors.md'), errorsPage());
writeFileSync(join(root, 'docs/events.md'), eventsPage());
