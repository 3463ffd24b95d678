import { readFileSync } from 'node:fs';

// tsx scripts/page-block.ts PAGE TEXT: prints the first code block of the page that contains the text.
const [page = '', text = ''] = process.argv.slice(2);
const blocks = [...readFileSync(page, 'utf8').matchAll(/^```\w*\n(.*?)^```/gms)].map(
  ([, block = '']) => block,
);
const found = blocks.find((block) => block.includes(text));
if (found === undefined) throw new Error(`${page} has no block with: ${text}`);
process.stdout.write(found);
