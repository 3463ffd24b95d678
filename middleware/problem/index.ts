export { problemDetails } from './problem-details.js';
