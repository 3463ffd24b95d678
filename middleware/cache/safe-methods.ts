import type { Request } from 'express';

// The safe methods of IANA's registry (RFC 9110 §16.1.1); QUERY is that of RFC 10008.
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY', 'REPORT', 'SEARCH']);

export const isSafe = ({ method }: Request): boolean => SAFE_METHODS.has(method);
