// Avro, Protobuf and JSON from Confluent's serialisers of JavaScript, by a schema registry, become the points they stand for.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';

import { create, createFileRegistry, createMutableRegistry } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, file_google_protobuf_timestamp, timestampFromDate } from '@bufbuild/protobuf/wkt';
// By their files: the index loads clients of every cloud's key store.
import { SchemaRegistryClient } from '@confluentinc/schemaregistry/dist/schemaregistry-client.js';
import { AvroSerializer } from '@confluentinc/schemaregistry/dist/serde/avro.js';
import { JsonSerializer } from '@confluentinc/schemaregistry/dist/serde/json.js';
import { ProtobufSerializer } from '@confluentinc/schemaregistry/dist/serde/protobuf.js';
import { HeaderSchemaIdSerializer, SerdeType } from '@confluentinc/schemaregistry/dist/serde/serde.js';
import { Kafka, logLevel } from 'kafkajs';

import { KINDS, Registry } from '../support/registry.js';
import { Server } from '../support/server.js';
import { eventually, unique } from '../support/wait.js';

const FORMATS = ['avro', 'protobuf', 'json'];
const now = new Date();

for (const [title, kind] of Object.entries(KINDS)) {
  describe(`the serialisers of JavaScript with ${title}`, () => {
    let registry, server, producer, client;
    before(async () => {
      registry = await Registry.start(kind);
      if (!registry) return console.log(`\n**** SKIPPED: test-clients: ${title} cannot be had here ****`);
      const streams = FORMATS.map(
        (format) =>
          `[[stream]]\nname = "${format}"\nformat = "${format}"\nmetric_prefix = ""\n` +
          `time = { field = "ts" }\nlabels = ["site"]\nvalues = ["t"]\n`,
      ).join('');
      server = await Server.start({ streams, settings: `[schema_registry]\nurl = "${registry.url}"\n` });
      client = new SchemaRegistryClient({ baseURLs: [registry.url] });
      const kafka = new Kafka({ brokers: server.brokers.split(','), logLevel: logLevel.ERROR });
      producer = kafka.producer({ retry: { retries: 10 } });
      await producer.connect();
    });
    after(async () => {
      await producer?.disconnect();
      await server?.stop();
      await registry?.stop();
    });

    /** The bytes of the serialiser, through Kafka, are one point. */
    async function isStored(format, site, serializer, value) {
      const headers = {};
      await producer.send({ topic: format, messages: [{ value: await serializer.serialize(format, value, headers), headers }] });
      const query = `query ($selector: SeriesSelector!, $from: DateTime!) {
        points(selector: $selector, from: $from) { nodes { ts value } } }`;
      const selector = { labels: [{ name: 'site', value: site }] };
      const from = new Date(now.getTime() - 1000).toISOString();
      const nodes = await eventually('the point is stored', async () => {
        const { points } = await server.query(query, { selector, from });
        return points.nodes.length > 0 && points.nodes;
      });
      assert.deepEqual(nodes.map(({ ts, value }) => [Date.parse(ts), value]), [[now.getTime(), 1.5]]);
    }

    for (const [form, schemaIdSerializer] of [
      ['before the payload', undefined],
      ['in a header', HeaderSchemaIdSerializer],
    ]) {
      const settings = { autoRegisterSchemas: true, schemaIdSerializer };
      const skips = (t) => {
        const why = !registry ? 'it cannot be had here' : schemaIdSerializer && !kind.guids && 'it gives no GUIDs';
        if (why) t.skip(why);
        return why;
      };

      test(`Avro, its schema named ${form}`, async (t) => {
        if (skips(t)) return;
        const fields = [
          { name: 'ts', type: { type: 'long', logicalType: 'timestamp-millis' } },
          { name: 'site', type: 'string' },
          { name: 't', type: ['null', 'double'] },
        ];
        const schema = JSON.stringify({ type: 'record', name: 'Reading', namespace: 'plant', fields });
        await client.register('avro-value', { schema, schemaType: 'AVRO' });
        const serializer = new AvroSerializer(client, SerdeType.VALUE, { schemaIdSerializer, useLatestVersion: true });
        const site = unique('avro');
        await isStored('avro', site, serializer, { ts: now.getTime(), site, t: 1.5 });
      });

      test(`Protobuf, its schema named ${form}`, async (t) => {
        if (skips(t)) return;
        const Reading = reading();
        const serializer = new ProtobufSerializer(client, SerdeType.VALUE, { ...settings, registry: createMutableRegistry(Reading) });
        const site = unique('protobuf');
        await isStored('protobuf', site, serializer, create(Reading, { site, t: 1.5, ts: timestampFromDate(now) }));
      });

      test(`JSON, its schema named ${form}`, async (t) => {
        if (skips(t)) return;
        const schema = JSON.stringify({ type: 'object', properties: { site: { type: 'string' }, t: { type: 'number' } } });
        await client.register('json-value', { schema, schemaType: 'JSON' });
        const serializer = new JsonSerializer(client, SerdeType.VALUE, { schemaIdSerializer, useLatestVersion: true });
        const site = unique('json');
        await isStored('json', site, serializer, { ts: now.toISOString(), site, t: 1.5 });
      });
    }
  });
}

/** A message inside another one, in a file that imports another one. */
function reading() {
  const optional = { label: 1 };
  const file = create(FileDescriptorProtoSchema, {
    name: 'plant/batch.proto',
    package: 'plant',
    syntax: 'proto3',
    dependency: ['google/protobuf/timestamp.proto'],
    messageType: [
      { name: 'Empty' },
      {
        name: 'Batch',
        nestedType: [
          {
            name: 'Reading',
            field: [
              { name: 'site', number: 1, type: 9, ...optional },
              { name: 't', number: 2, type: 1, ...optional },
              { name: 'ts', number: 3, type: 11, typeName: '.google.protobuf.Timestamp', ...optional },
            ],
          },
        ],
      },
    ],
  });
  const files = createFileRegistry(file, (name) => (name === 'google/protobuf/timestamp.proto' ? file_google_protobuf_timestamp : undefined));
  return files.getMessage('plant.Batch.Reading');
}
