import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(__dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');

interface Dashboard {
  readonly panels: readonly {
    readonly title: string;
    readonly targets: readonly { readonly expr: string }[];
  }[];
}

test('each metric of the dashboard is one that the toolkit makes', () => {
  // As the exporter for Prometheus writes them.
  const made = new Set(
    [
      ...read('src/telemetry/instruments.ts').matchAll(
        /(?:counter|duration)\(\s*meter,\s*'([\w.]+)'|\$\{PREFIX\}\.([\w.]+)`/g,
      ),
    ].map(([, first, second]) => (first ?? second)!.replaceAll('.', '_')),
  );
  const { panels } = JSON.parse(read('examples/observability/dashboard.json')) as Dashboard;
  expect(panels.length).toBeGreaterThan(5);
  for (const { title, targets } of panels) {
    for (const { expr } of targets) {
      const used = [...expr.matchAll(/express_redis_toolkit_(\w+?)(?:_total|_seconds_bucket)(?=[[{])/g)].map(
        ([, name]) => name!,
      );
      expect([title, used.filter((name) => ![...made].some((one) => name === one))]).toEqual([title, []]);
    }
  }
});
