import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { RequestHandler } from 'express';
import { answerProblem } from './problem-answer.js';

const FOLDER = join(__dirname, 'page');
const PAGE = 'page.html';

/** Serves the page, and the files beside it, from memory: no name that a client sends becomes a path. */
export function pageFiles(): RequestHandler {
  const files = new Map(readdirSync(FOLDER).map((name) => [name, readFileSync(join(FOLDER, name))]));
  return (req, res) => {
    if (req.method !== 'GET' && req.method !== 'HEAD')
      return answerProblem(res, 405, 'The page can only be read.');
    if (req.path === '/' && !isFolder(req.originalUrl)) {
      // The names in the page count from the folder. Relative, so that it cannot lead to another site.
      const name = req.baseUrl.slice(req.baseUrl.lastIndexOf('/') + 1);
      res.redirect(308, `./${name}/`);
      return;
    }
    const name = req.path === '/' ? PAGE : req.path.slice(1);
    const file = files.get(name);
    if (file) res.type(extname(name)).send(file);
    else answerProblem(res, 404, 'There is no such page.');
  };
}

const isFolder = (url: string): boolean => url.split('?', 1)[0]!.endsWith('/');
