import { type Meter, type MeterProvider, metrics } from '@opentelemetry/api';
import { type DiagnosticEvents, type DiagnosticName, listenTo } from '../diagnostics.js';
import { readOptions } from '../read-options.js';
import { instrumentsOf } from './instruments.js';

/** Options of `collectMetrics`. */
export interface CollectMetricsOptions {
  /**
   * Where the instruments are made.
   * @default the global provider of @opentelemetry/api
   */
  readonly meterProvider?: MeterProvider;
}

const checks = {
  meterProvider: (value: unknown) =>
    typeof (value as Partial<MeterProvider> | null)?.getMeter === 'function'
      ? undefined
      : 'must have the method getMeter, as a MeterProvider has',
};
const hints = { provider: 'use "meterProvider"', meter: 'use "meterProvider"' };

/**
 * Counts the events of the toolkit as OpenTelemetry metrics. No attribute has values that a client can multiply: no keys,
 * URLs, users or tags, only names from the configuration, patterns of routes and results.
 *
 * @returns a function that ends it
 * @example
 * const stop = collectMetrics();
 * @throws ToolkitError `OPTION_INVALID`, `OPTION_UNKNOWN`
 */
export function collectMetrics(given: CollectMetricsOptions = {}): () => void {
  const { meterProvider } = readOptions('collectMetrics', given, checks, {}, [], hints);
  const meter: Meter = (meterProvider ?? metrics).getMeter('express-redis-toolkit');
  const record = instrumentsOf(meter);
  const stops = (Object.keys(record) as DiagnosticName[]).map((name) =>
    listenTo(name, record[name] as (event: DiagnosticEvents[typeof name]) => void),
  );
  return () => {
    for (const stop of stops) stop();
  };
}
