import { type Meter, type MeterProvider, metrics } from '@opentelemetry/api';
import { type DiagnosticEvents, type DiagnosticName, listenTo } from '../diagnostics.js';
import { instrumentsOf } from './instruments.js';

/** Options of `collectMetrics`. */
export interface CollectMetricsOptions {
  /**
   * Where the instruments are made.
   * @default the global provider of @opentelemetry/api
   */
  readonly meterProvider?: MeterProvider;
}

/**
 * Counts the events of the toolkit as OpenTelemetry metrics. No attribute has values that a client can multiply: no keys,
 * URLs, users or tags, only names from the configuration, patterns of routes and results.
 *
 * @returns a function that ends it
 * @example
 * const stop = collectMetrics();
 */
export function collectMetrics({ meterProvider }: CollectMetricsOptions = {}): () => void {
  const meter: Meter = (meterProvider ?? metrics).getMeter('express-redis-toolkit');
  const record = instrumentsOf(meter);
  const stops = (Object.keys(record) as DiagnosticName[]).map((name) =>
    listenTo(name, record[name] as (event: DiagnosticEvents[typeof name]) => void),
  );
  return () => {
    for (const stop of stops) stop();
  };
}
