import express from 'express';
import { conformsTo } from './exchanges.js';
import { ROWS } from './query.js';

// A parser behind the cache reads the content again, and the origin compares what it got.
conformsTo(ROWS, [express.text({ type: ['application/json', 'text/plain'] })]);
