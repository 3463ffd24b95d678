export { run, type Streams } from './run.js';
