import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorsPage, withReference } from './readme-reference.js';

const path = join(__dirname, '../README.md');
writeFileSync(path, withReference(readFileSync(path, 'utf8')));
writeFileSync(join(__dirname, '../docs/errors.md'), errorsPage());
