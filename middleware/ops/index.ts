export { ops } from './ops.js';
export type { OpsAuthorization, OpsOptions } from './options.js';
export { pageTexts } from './page-texts.js';
