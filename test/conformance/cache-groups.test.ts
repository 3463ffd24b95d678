import { ROWS } from './cache-groups.js';
import { conformsTo } from './exchanges.js';

conformsTo(ROWS);
