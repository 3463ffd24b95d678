import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { type Request, Router } from 'express';
import { collectMetrics } from '../opentelemetry.js';

const LOOPBACK = /^(127\.|::1$|::ffff:127\.)/;

/** The metrics of this process at `/metrics`, for a Prometheus on the same machine. Nobody else is told that they exist. */
export function createMetrics(): { readonly router: Router; stop(): Promise<void> } {
  const exporter = new PrometheusExporter({ preventServerStart: true });
  const meterProvider = new MeterProvider({ readers: [exporter] });
  const stopCollecting = collectMetrics({ meterProvider });
  const router = Router();
  router.get('/metrics', (req, res, next) => {
    if (!isFromThisMachine(req)) return next();
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

// A proxy on this machine has a loopback address too, whoever sent the request to it.
function isFromThisMachine({ socket, headers }: Request): boolean {
  const isForwarded = 'x-forwarded-for' in headers || 'forwarded' in headers || 'via' in headers;
  return !isForwarded && LOOPBACK.test(socket.remoteAddress ?? '');
}
