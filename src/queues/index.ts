export { type BullOptions, bullOptions } from './bull-options.js';
