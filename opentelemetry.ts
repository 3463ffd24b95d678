export { type CollectMetricsOptions, collectMetrics } from './src/telemetry/index.js';
