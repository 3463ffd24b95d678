export { isFromLoopback } from './loopback.js';
export { ops } from './ops.js';
export type { OpsAuthorization, OpsAuthorize, OpsOptions } from './options.js';
export { pageTexts } from './page-texts.js';
