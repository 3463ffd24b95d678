import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { Router } from 'express';
import { isFromLoopback } from '../middleware/ops/index.js';
import { collectMetrics } from '../opentelemetry.js';

/** The metrics of this process at `/metrics`, for a Prometheus on the same machine. Nobody else is told that they exist. */
export function createMetrics(): { readonly router: Router; stop(): Promise<void> } {
  const exporter = new PrometheusExporter({ preventServerStart: true });
  const meterProvider = new MeterProvider({ readers: [exporter] });
  const stopCollecting = collectMetrics({ meterProvider });
  const router = Router();
  router.get('/metrics', (req, res, next) => {
    if (!isFromLoopback(req)) return next();
    exporter.getMetricsRequestHandler(req, res);
  });
  return {
    router,
    async stop() {
      stopCollecting();
      await meterProvider.shutdown();
    },
  };
}
