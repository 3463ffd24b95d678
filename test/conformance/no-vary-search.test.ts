import { conformsTo } from './exchanges.js';
import { ROWS } from './no-vary-search.js';

conformsTo(ROWS);
