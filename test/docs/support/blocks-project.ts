import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from '../../../scripts/docs-pages.js';

const root = join(__dirname, '../../..');
const compilerOptions = {
  paths: {
    'express-redis-toolkit': [join(root, 'index.ts')],
    'express-redis-toolkit/*': [join(root, '*.ts')],
  },
  types: ['node'],
  allowJs: true,
};

/** A program of a page, as a file that can be compiled and run. */
export interface Block {
  /** Its page and line, as a file name: `docs-guides-caching-12.ts`. */
  readonly file: string;
  readonly source: string;
}

export interface BlocksProject {
  readonly directory: string;
  readonly blocks: readonly Block[];
  remove(): Promise<void>;
}

export function blocksOf({ path, text }: Page): Block[] {
  return [...text.matchAll(/^```(ts|js)\n(.*?)^```/gms)].map(({ 1: language, 2: source = '', index }) => {
    const line = text.slice(0, index).split('\n').length;
    const name = path.replace(/\.md$/, '').replaceAll('/', '-');
    return { file: `${name}-${line}.${language === 'js' ? 'mjs' : 'ts'}`, source };
  });
}

/** A project of ES modules, as a user has it, with the blocks as its files. */
export async function createBlocksProject(blocks: readonly Block[]): Promise<BlocksProject> {
  const directory = await mkdtemp(join(tmpdir(), 'docs-blocks-'));
  await symlink(join(root, 'node_modules'), join(directory, 'node_modules'));
  await writeFile(join(directory, 'package.json'), '{ "type": "module" }');
  await Promise.all(blocks.map(({ file, source }) => writeFile(join(directory, file), source)));
  // tsx reads the paths from here, for JavaScript too.
  const tsconfig = { extends: join(root, 'tsconfig.json'), compilerOptions, include: ['*.ts', '*.mjs'] };
  await writeFile(join(directory, 'tsconfig.json'), JSON.stringify(tsconfig));
  return {
    directory,
    blocks,
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}
