export { type CaptureDecision, captureResponse } from './capture.js';
export { isLeftByClient } from './client-gone.js';
export { detachResponse } from './detach.js';
export { copyFields, handlersFields, headersNow, resetFields } from './fields.js';
export { canHold, holdResponse } from './hold.js';
export { amendHead } from './locked-head.js';
