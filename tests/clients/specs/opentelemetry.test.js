// OpenTelemetry's SDK for Node, which exports its metrics as Protobuf and as JSON.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';

import { diag } from '@opentelemetry/api';
import { AggregationTemporalityPreference, OTLPMetricExporter as Json } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPMetricExporter as Protobuf } from '@opentelemetry/exporter-metrics-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';

import { Server } from '../support/server.js';
import { unique } from '../support/wait.js';

describe("OpenTelemetry's SDK", () => {
  let server;
  before(async () => (server = await Server.start()));
  after(() => server.stop());

  for (const [encoding, Exporter] of [
    ['Protobuf', Protobuf],
    ['JSON', Json],
  ]) {
    /** A meter, what exports all that it measures, and what the SDK would log of that. */
    const sdk = (options = {}) => {
      const exporter = new Exporter({ url: `${server.url}/otlp/v1/metrics`, compression: 'gzip', ...options });
      const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
      const resource = resourceFromAttributes({ 'service.name': 'cart', 'service.instance.id': encoding });
      const provider = new MeterProvider({ readers: [reader], resource });
      const logged = [];
      const ignore = () => {};
      const warn = (...texts) => logged.push(texts.join(' '));
      const send = async () => {
        const { resourceMetrics, errors } = await reader.collect();
        assert.deepEqual(errors, []);
        diag.setLogger({ error: ignore, warn, info: ignore, debug: ignore, verbose: ignore });
        const result = await new Promise((done) => exporter.export(resourceMetrics, done));
        diag.disable();
        await exporter.shutdown();
        return { ...result, logged };
      };
      return { meter: provider.getMeter('shop'), send };
    };

    test(`${encoding} is stored when the SDK has its answer`, async () => {
      const name = unique('otel.export');
      const { meter, send } = sdk({ headers: { 'x-streamsync-stream': 'points' } });
      meter.createCounter(`${name}.requests`).add(3, { 'http.method': 'GET', ok: true });
      meter.createGauge(`${name}.temperature`).record(21.5, { room: 'Küche' });
      const boundaries = { advice: { explicitBucketBoundaries: [0.5, 5] } };
      const duration = meter.createHistogram(`${name}.duration`, boundaries);
      for (const seconds of [0.25, 0.75, 30]) duration.record(seconds);
      const { code, error, logged } = await send();
      assert.equal(code, 0, String(error));
      assert.deepEqual(logged, []);
      const metric = name.replaceAll('.', '_');
      const target = `instance="${encoding}",job="cart"`;
      assert.deepEqual(await stored(`${metric}_requests`), {
        [`${metric}_requests{http_method="GET",${target},ok="true"}`]: [3],
      });
      assert.deepEqual(await stored(`${metric}_temperature`), {
        [`${metric}_temperature{${target},room="Küche"}`]: [21.5],
      });
      assert.deepEqual(await stored(`${metric}_duration_bucket`), {
        [`${metric}_duration_bucket{${target},le="+Inf"}`]: [3],
        [`${metric}_duration_bucket{${target},le="0.5"}`]: [1],
        [`${metric}_duration_bucket{${target},le="5"}`]: [2],
      });
      assert.deepEqual(await stored(`${metric}_duration_sum`), { [`${metric}_duration_sum{${target}}`]: [31] });
      assert.deepEqual(await stored(`${metric}_duration_count`), { [`${metric}_duration_count{${target}}`]: [3] });
    });

    test(`${encoding} with deltas is stored without them, and the SDK logs what to do`, async () => {
      const name = unique('otel.delta');
      const { meter, send } = sdk({ temporalityPreference: AggregationTemporalityPreference.DELTA });
      meter.createCounter(`${name}.requests`).add(3);
      meter.createGauge(`${name}.temperature`).record(21.5);
      const { code, logged } = await send();
      assert.equal(code, 0);
      const [told] = logged;
      assert.match(told, /1 of 2 data points were refused/);
      assert.match(told, /OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=cumulative/);
      const metric = name.replaceAll('.', '_');
      assert.deepEqual(Object.values(await stored(`${metric}_temperature`)), [[21.5]]);
      assert.deepEqual(await stored(`${metric}_requests`), {});
    });

    test(`${encoding} for a stream that is not there fails and is not sent again`, async () => {
      const { meter, send } = sdk({ headers: { 'x-streamsync-stream': 'nowhere' } });
      meter.createCounter(unique('otel.lost')).add(1);
      const { code, error } = await send();
      assert.equal(code, 1);
      assert.equal(/** @type {any} */ (error).code, 404);
    });
  }

  /** The values of a metric by their series. */
  async function stored(metric) {
    const from = new Date(Date.now() - 3_600_000).toISOString();
    const answer = await fetch(`${server.url}/api/v1/points?${new URLSearchParams({ metric, from, format: 'json' })}`);
    const { series } = await answer.json();
    return Object.fromEntries(series.map(({ series: key, points }) => [key, points.map(([, value]) => value)]));
  }
});
