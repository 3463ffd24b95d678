export { type CollectMetricsOptions, collectMetrics } from './collect-metrics.js';
