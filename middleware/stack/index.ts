export { middlewareOf, stack } from './stack.js';
export type { Before, Step } from './step.js';
