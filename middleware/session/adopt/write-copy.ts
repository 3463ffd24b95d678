import type { WriteCopy } from '../../../src/sessions/index.js';
import { resultError } from '../callback-results.js';
import type { SessionCookie } from '../cookie/cookie.js';
import type { AdoptSettings } from './options.js';

/** Makes the text of sessions with this cookie for connect-redis. */
export function copyWriter(adopt: AdoptSettings, cookie: SessionCookie): WriteCopy {
  return async (properties) => {
    const { data } = cookie;
    const ends = data.originalMaxAge === null ? data.expires : new Date(Date.now() + data.originalMaxAge);
    const text: unknown = await adopt.serialize({ cookie: { ...data, expires: ends }, ...properties });
    if (typeof text !== 'string') throw resultError('adopt.serialize', 'a text', text);
    return text;
  };
}
