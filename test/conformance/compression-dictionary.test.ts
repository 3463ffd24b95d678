import { ROWS } from './compression-dictionary.js';
import { conformsTo } from './exchanges.js';

conformsTo(ROWS);
