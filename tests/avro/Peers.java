import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.avro.Conversions;
import org.apache.avro.LogicalTypes;
import org.apache.avro.Schema;
import org.apache.avro.file.CodecFactory;
import org.apache.avro.file.DataFileWriter;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.EncoderFactory;
import org.apache.avro.message.BinaryMessageEncoder;

/**
 * Writes java.json: datums as Apache Avro for Java writes them, and what must be read from them.
 *
 * <p>With org.apache.avro:avro:1.12.2 and what it needs from Maven Central in a folder `lib`:
 * java -cp 'lib/*' tests/avro/Peers.java tests/avro/java.json
 */
public class Peers {
    static final ObjectMapper JSON = new ObjectMapper();
    static final List<String> cases = new ArrayList<>();

    static final String SENSOR = """
            {"type": "record", "name": "Sensor", "namespace": "org.example.plant", "doc": "One reading", "fields": [
              {"name": "id", "type": {"type": "fixed", "name": "Id", "size": 4}, "order": "ignore"},
              {"name": "kind", "type": {"type": "enum", "name": "org.example.Kind", "symbols": ["HOT", "COLD"], "aliases": ["K"]}},
              {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
              {"name": "values", "type": {"type": "map", "values": ["null", "double", {"type": "array", "items": "float"}]}},
              {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 3}},
              {"name": "other", "type": ["null", "Id", "org.example.Kind"], "default": null},
              {"name": "parent", "type": ["null", "Sensor"], "default": null}
            ]}""";

    static Schema parse(String text) {
        return new Schema.Parser().parse(text);
    }

    static byte[] binary(Schema schema, Object datum, boolean inBlocks) throws Exception {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        // The blocking encoder says the size of each block of items behind a negative count.
        BinaryEncoder encoder = inBlocks
                ? new EncoderFactory().configureBlockSize(64).blockingBinaryEncoder(out, null)
                : EncoderFactory.get().binaryEncoder(out, null);
        new GenericDatumWriter<>(schema, new GenericData()).write(datum, encoder);
        encoder.flush();
        return out.toByteArray();
    }

    static void add(String schema, List<List<String>> references, byte[] bytes, Object expected) throws Exception {
        Map<String, Object> made = new LinkedHashMap<>();
        made.put("schema", schema);
        if (!references.isEmpty()) {
            made.put("references", references);
        }
        made.put("hex", HexFormat.of().formatHex(bytes));
        made.put("expected", expected);
        cases.add(JSON.writeValueAsString(made));
    }

    static void add(String schema, Object datum, Object expected) throws Exception {
        add(schema, List.of(), binary(parse(schema), datum, false), expected);
    }

    static Object object(Object... namesAndValues) {
        List<Object> fields = new ArrayList<>();
        for (int at = 0; at < namesAndValues.length; at += 2) {
            List<Object> field = new ArrayList<>();
            field.add(namesAndValues[at]);
            field.add(namesAndValues[at + 1]);
            fields.add(field);
        }
        return Map.of("object", fields);
    }

    static ByteBuffer unscaled(String number) {
        return ByteBuffer.wrap(new BigInteger(number).toByteArray());
    }

    static GenericRecord sensor(Schema schema, GenericRecord parent) {
        Schema kind = schema.getField("kind").schema();
        GenericRecord made = new GenericData.Record(schema);
        made.put("id", new GenericData.Fixed(schema.getField("id").schema(), new byte[] {1, 2, 3, 4}));
        made.put("kind", new GenericData.EnumSymbol(kind, "COLD"));
        made.put("at", 1_700_000_000_123_456L);
        Map<String, Object> values = new LinkedHashMap<>();
        values.put("a", 0.1);
        values.put("b", null);
        values.put("c", List.of(0.5f, -1.5f));
        made.put("values", values);
        made.put("price", unscaled("-12340"));
        made.put("other", new GenericData.EnumSymbol(kind, "HOT"));
        made.put("parent", parent);
        return made;
    }

    static Object expectedSensor(Object parent) {
        return object(
                "id", Map.of("bytes", "01020304"),
                "kind", "COLD",
                "at", Map.of("time", 1_700_000_000_123_456L),
                "values", object("a", 0.1, "b", null, "c", List.of(0.5, -1.5)),
                "price", Map.of("untyped", "-12.34"),
                "other", "HOT",
                "parent", parent);
    }

    public static void main(String[] arguments) throws Exception {
        for (long number : new long[] {0, -1, 63, -65, 1L << 40, Long.MAX_VALUE, Long.MIN_VALUE}) {
            add("\"long\"", number, number);
        }
        add("\"int\"", Integer.MIN_VALUE, Integer.MIN_VALUE);
        add("\"float\"", 1.25f, 1.25);
        add("\"double\"", Double.MIN_VALUE, Double.MIN_VALUE);
        add("\"string\"", "Grüße 🙂", "Grüße 🙂");
        add("\"bytes\"", ByteBuffer.wrap(new byte[] {0, -1}), Map.of("bytes", "00ff"));

        String decimal = "{\"type\": \"bytes\", \"logicalType\": \"decimal\", \"precision\": 60, \"scale\": 4}";
        add(decimal, unscaled("15000"), Map.of("untyped", "1.5"));
        add(decimal, unscaled("-20000"), -2);
        add(decimal, unscaled("1234567890123456789012345678901234567890123456789"),
                Map.of("untyped", "123456789012345678901234567890123456789012345.6789"));
        add(decimal, unscaled("-9999999999999999999999999999999999999999999990000"),
                Map.of("big", "-999999999999999999999999999999999999999999999"));

        String big = "{\"type\": \"bytes\", \"logicalType\": \"big-decimal\"}";
        Conversions.BigDecimalConversion conversion = new Conversions.BigDecimalConversion();
        for (String[] each : new String[][] {
            {"1.50", "1.5"}, {"-0.000123", "-0.000123"}, {"1E-400", "1e-400"}, {"12E+90", "12e90"}
        }) {
            ByteBuffer bytes = conversion.toBytes(new BigDecimal(each[0]), parse(big), LogicalTypes.bigDecimal());
            add(big, bytes, Map.of("untyped", each[1]));
        }
        ByteBuffer bytes = conversion.toBytes(new BigDecimal("12E+3"), parse(big), LogicalTypes.bigDecimal());
        add(big, bytes, 12000);

        Schema schema = parse(SENSOR);
        GenericRecord inner = sensor(schema, null);
        Object expectedInner = expectedSensor(null);
        add(SENSOR, sensor(schema, inner), expectedSensor(expectedInner));
        add(SENSOR, List.of(), binary(schema, sensor(schema, inner), true), expectedSensor(expectedInner));

        ByteBuffer message = new BinaryMessageEncoder<GenericRecord>(new GenericData(), schema).encode(inner);
        byte[] single = new byte[message.remaining()];
        message.get(single);
        add(SENSOR, List.of(), single, expectedInner);

        // Long enough for several blocks.
        String longs = "{\"type\": \"array\", \"items\": \"long\"}";
        List<Long> many = new ArrayList<>();
        for (long n = -300; n < 300; n++) {
            many.add(n * 1000);
        }
        add(longs, List.of(), binary(parse(longs), many, true), many);

        // The parser keeps the names of what it has parsed, as a registry's client does with references.
        String unit = "{\"type\": \"enum\", \"name\": \"Unit\", \"namespace\": \"org.example\", \"symbols\": [\"C\", \"K\"]}";
        String message2 = "{\"type\": \"record\", \"name\": \"Message\", \"namespace\": \"org.example.deep\", \"fields\": ["
                + "{\"name\": \"unit\", \"type\": \"org.example.Unit\"}]}";
        Schema.Parser parser = new Schema.Parser();
        Schema unitSchema = parser.parse(unit);
        Schema referring = parser.parse(message2);
        GenericRecord record = new GenericData.Record(referring);
        record.put("unit", new GenericData.EnumSymbol(unitSchema, "K"));
        ByteBuffer encoded = new BinaryMessageEncoder<GenericRecord>(new GenericData(), referring).encode(record);
        byte[] withHeader = new byte[encoded.remaining()];
        encoded.get(withHeader);
        List<List<String>> references = List.of(List.of("org.example.Unit", unit));
        add(message2, references, binary(referring, record, false), object("unit", "K"));
        add(message2, references, withHeader, object("unit", "K"));

        for (CodecFactory codec : new CodecFactory[] {CodecFactory.nullCodec(), CodecFactory.deflateCodec(6)}) {
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            try (DataFileWriter<GenericRecord> writer = new DataFileWriter<>(new GenericDatumWriter<>(schema))) {
                writer.setCodec(codec);
                writer.create(schema, out, new byte[16]);
                writer.append(inner);
                writer.sync();
                writer.append(sensor(schema, inner));
            }
            add("\"null\"", List.of(), out.toByteArray(), List.of(expectedInner, expectedSensor(expectedInner)));
        }

        String version = Schema.class.getPackage().getImplementationVersion();
        String madeBy = JSON.writeValueAsString("Apache Avro for Java " + version);
        Files.writeString(Path.of(arguments[0]),
                "{\"made_by\":" + madeBy + ",\"cases\":[\n" + String.join(",\n", cases) + "\n]}\n");
    }
}
