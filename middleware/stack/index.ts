export { handOver, putForOthers } from './hand-over.js';
export { shareShape } from './hidden-class.js';
export { takePrefetched, withPrefetch } from './prefetch.js';
export { stack } from './stack.js';
