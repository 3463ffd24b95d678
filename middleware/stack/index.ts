export { middlewareOf, stack } from './stack.js';
export type { Before, Step, StepAnswer } from './step.js';
