import { extname } from 'node:path';
import type { RequestHandler } from 'express';
import { pageTexts } from './page-texts.js';
import { refuseWith } from './problem-answer.js';

const PAGE = 'page.html';
const files = new Map(Object.entries(pageTexts));

/** Serves the page, and the files beside it, from memory: no name that a client sends becomes a path. */
export const pageFiles: RequestHandler = (req, res) => {
  if (req.method !== 'GET' && req.method !== 'HEAD')
    return refuseWith(res, 405, 'The page can only be read.');
  if (req.path === '/' && !isFolder(req.originalUrl)) {
    // The names in the page count from the folder. Relative, so that it cannot lead to another site.
    const name = req.baseUrl.slice(req.baseUrl.lastIndexOf('/') + 1);
    res.redirect(308, `./${name}/`);
    return;
  }
  const name = req.path === '/' ? PAGE : req.path.slice(1);
  const file = files.get(name);
  if (file === undefined) return refuseWith(res, 404, 'There is no such page.');
  res.type(extname(name)).send(file);
};

const isFolder = (url: string): boolean => url.split('?', 1)[0]!.endsWith('/');
