/** The reason codes in words: what is wrong, and what makes a redrive worth trying. */
export interface Explanation {
  title: string;
  meaning: string;
  remedy: string;
}

const AT_THE_SOURCE = 'It fails again as it is: let its producer send it anew, corrected.';

const EXPLANATIONS: Record<string, Explanation> = {
  not_json: {
    title: 'Not JSON',
    meaning: 'The payload cannot be read as JSON.',
    remedy: AT_THE_SOURCE,
  },
  not_csv: {
    title: 'Not CSV',
    meaning: 'The payload cannot be read as CSV, or a row has another number of fields than the first.',
    remedy: AT_THE_SOURCE,
  },
  not_line_protocol: {
    title: 'Not line protocol',
    meaning: "The payload cannot be read as InfluxDB's line protocol.",
    remedy: AT_THE_SOURCE,
  },
  not_messagepack: {
    title: 'Not MessagePack',
    meaning: 'The payload cannot be read as MessagePack.',
    remedy: AT_THE_SOURCE,
  },
  not_avro: {
    title: 'Not Avro',
    meaning: 'The payload cannot be read by its Avro schema.',
    remedy: AT_THE_SOURCE,
  },
  not_protobuf: {
    title: 'Not Protobuf',
    meaning: 'The payload cannot be read as its Protobuf message.',
    remedy: AT_THE_SOURCE,
  },
  unknown_schema: {
    title: 'Unknown schema',
    meaning: 'The schema registry has no usable schema of the id that the record names.',
    remedy: 'Redrive it once the schema is registered.',
  },
  bad_compression: {
    title: 'Not decompressed',
    meaning: 'The payload is not compressed as the stream is configured for, or it is damaged.',
    remedy: 'Redrive it once `compression` of the stream fits.',
  },
  too_deep: {
    title: 'Nested too deep',
    meaning: 'Arrays and objects of the payload are nested deeper than is read.',
    remedy: AT_THE_SOURCE,
  },
  missing_field: {
    title: 'A field is missing',
    meaning: 'The record lacks a field that the mapping of its stream reads.',
    remedy: 'Redrive it once the mapping fits.',
  },
  wrong_type: {
    title: 'Wrong type',
    meaning: 'A field, or the record itself, is of another type than the mapping of its stream expects.',
    remedy:
      'Redrive it once the mapping fits: `number = "text"` takes texts as numbers, `number = "round"` also integers beyond 2^53.',
  },
  transform_failed: {
    title: 'Transform failed',
    meaning: 'The program of its stream fails on the record, or takes too much time or memory.',
    remedy: 'Redrive it once `transform` of the stream is corrected.',
  },
  not_finite: {
    title: 'Not a finite number',
    meaning: 'A value is infinite, no number, or too large for 64 bits.',
    remedy: AT_THE_SOURCE,
  },
  bad_timestamp: {
    title: 'Unreadable time',
    meaning: 'The time cannot be read in the unit that the stream is configured for.',
    remedy: 'Redrive it once `time` of the stream fits: it has a field, a unit, a format and a zone.',
  },
  out_of_time_range: {
    title: 'Time out of range',
    meaning: "The time is too far from the Kafka record's own.",
    remedy: 'Redrive it once `accept` of the stream allows it.',
  },
  too_old: {
    title: 'Too old',
    meaning: 'The time is older than what the stream keeps.',
    remedy: 'Redrive it once `retention` of the stream is longer.',
  },
  invalid_name: {
    title: 'Invalid name',
    meaning: 'A metric or label has a name, or holds a character, that is not allowed.',
    remedy: AT_THE_SOURCE,
  },
  label_too_long: {
    title: 'Labels too long',
    meaning: 'A label, or metric and labels together, is longer than allowed.',
    remedy: AT_THE_SOURCE,
  },
  too_many_labels: {
    title: 'Too many labels',
    meaning: 'The record has more labels than allowed.',
    remedy: AT_THE_SOURCE,
  },
  record_too_large: {
    title: 'Record too large',
    meaning: 'The payload is larger than the stream allows.',
    remedy: 'Redrive it once `max_record_bytes` of the stream allows it, if its payload was kept whole.',
  },
  unknown_stream: {
    title: 'Unknown stream',
    meaning: 'The record names a stream that does not read this topic.',
    remedy: 'Redrive it once the stream is configured.',
  },
  too_many_series: {
    title: 'Too many series',
    meaning: 'The record would begin a series beyond the number that the stream may have.',
    remedy: 'Redrive it once `max_series` of the stream is larger.',
  },
  too_many_partitions: {
    title: 'Too many time partitions',
    meaning: 'A point is far from the present, and there are as many time partitions for such points as may be.',
    remedy: 'Redrive it once `pipeline.max_far_partitions` is larger, if its time is right at all.',
  },
  rejected_by_store: {
    title: 'Refused by the database',
    meaning: 'Postgres did not take the record.',
    remedy: 'Redrive it once the cause that the detail names is gone.',
  },
};

/** A code that this page does not know, from a newer server, is shown as it is. */
export const explain = (reason: string): Explanation =>
  EXPLANATIONS[reason] ?? { title: reason, meaning: 'The record could not be stored.', remedy: '' };
