// Writes cases.json: lines, and what three parsers of line protocol read from them.
//
//	go mod init peers
//	go get github.com/influxdata/influxdb/models@v1.12.2
//	go get github.com/influxdata/line-protocol/v2@v2.2.1
//	go get github.com/influxdata/telegraf/plugins/parsers/influx@v1.37.2
//	go run peers.go 300 > cases.json
//
// in a copy of this folder, with Go 1.25 or later. The lines are our own and the three are only run (all under
// the MIT licence); the number is how many lines made by chance, which they read alike, follow those written below.
package main

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/influxdata/influxdb/models"
	"github.com/influxdata/line-protocol/v2/lineprotocol"
	"github.com/influxdata/telegraf/plugins/parsers/influx"
)

var written = []string{
	// What is no line.
	"", "\n", "\r\n", "   ", "\n\n  \n", "# nothing", "# nothing\n", "  # nothing\n\n", "#", "#plant t=1\n",
	"\t# nothing\n", "#\ta tab\n", "#\x01\n", "\x00",
	// One line, and several.
	"plant t=1", "plant t=1\n", "plant t=1\r\n", "plant t=1\r", "plant t=1 5", "plant t=1 5\n", "plant t=1 5\r\n",
	"plant t=1 5\r", "plant t=1\nplant t=2", "plant t=1 5\nplant,site=a t=2 6\n", "plant t=1 5\r\nplant t=2 6\r\n",
	"plant t=1 5\n\n\nplant t=2 6", "# first\nplant t=1 5\n# between\nplant t=2 6\n# last", "  plant t=1 5\n  plant t=2 6",
	"\tplant t=1 5", "\rplant t=1 5", "\x00plant t=1 5", "plant t=1 5\rplant t=2 6", "plant t=1\rplant t=2",
	"plant t=1\r 5", "plant t=1 5\r\r\n", "plant t=1 # no comment", "plant t=1 5 # no comment", "plant t=1#5",
	"plant t=1 5\nplant", "plant\nplant t=1 5", "plant t=1\nt=2", "plant,site=a\nt=1", "plant,\nsite=a t=1",
	"plant\xff t=1", "plant,si\xffte=a t=1", "plant,site=\xff t=1", "plant \xff=1", "plant t=\"\xff\"", "plant t=\xff",
	"\ufeffplant t=1", "plänt,ört=höhe gräd=1,text=\"größe\" 5", "植物,地点=東京 温度=21.5 5", "plant\u00a0t=1",
	"plant\u2028t=1", "🌱,site=🏭 t=1",
	// Blanks.
	"plant  t=1", "plant    t=1    5", "plant t=1 5   ", "plant t=1   ", "plant t=1   \n", "plant,site=a  t=1",
	"plant, site=a t=1", "plant ,site=a t=1", "plant,site =a t=1", "plant,site= a t=1", "plant t =1", "plant t= 1",
	"plant t=1 ,u=2", "plant t=1, u=2", "plant t=1,", "plant t=1, 5", "plant,site=a, t=1", "plant\tt=1", "plant t=1\t5",
	"plant t=1\t", "plant \tt=1", "plant\x0bt=1", "plant t=1 \t5", "plant t=1 5\t", " ", "plant ", "plant  ",
	// Measurements.
	"plant", "plant,", "plant,,", "plant,site", "plant,site=", "plant,site=a", "plant,site=a ", ",site=a t=1", " t=1",
	"=", "=1", "t=1", "t=1 5", ", t=1", "plant=1 t=1", `"plant" t=1`, `"a plant" t=1`, `a\ plant t=1`, `a\,plant t=1`,
	`a\=plant t=1`, "a=plant t=1", `a\plant t=1`, `a\\plant t=1`, `a\\\plant t=1`, `plant\ t=1`, `plant\\ t=1`,
	`plant\\\ t=1`, `\ plant t=1`, `\,plant t=1`, `\plant t=1`, `\#plant t=1`, `a#plant t=1`, `a\nplant t=1`,
	"a\x01plant t=1", "a\x7fplant t=1", "a\x00plant t=1", "1 t=1", `\ t=1`, `\\ t=1`, `a\ \ b\,\,c t=1`, `plant\`, `plant t=1\`,
	`plant t=1 5\`,
	// Tags.
	"plant,site=a t=1", "plant,site=a,line=2 t=1", "plant,line=2,site=a t=1", "plant,site=a,site=b t=1",
	"plant,b=2,a=1,b=3 t=1", "plant,site=a,line t=1", "plant,site=a,line= t=1", "plant,site=,line=2 t=1", "plant,=a t=1",
	"plant,site=a,=b t=1", "plant,=,=b t=1", "plant,site==a t=1", "plant,site=a=b t=1", `plant,site=a\=b t=1`,
	`plant,si\=te=a t=1`, `plant,si\,te=a t=1`, `plant,si\ te=a t=1`, `plant,si\te=a t=1`, `plant,si\\te=a t=1`,
	`plant,si"te=a t=1`, `plant,"si te"=a t=1`, `plant,site="a b" t=1`, `plant,site="a" t=1`, `plant,site="a,b=c" t=1`,
	`plant,site=a\ b t=1`, `plant,site=a\,b t=1`, `plant,site=a\b t=1`, `plant,site=a\\b t=1`, `plant,site=a\\ b t=1`,
	`plant,site=a\\\ b t=1`, `plant,site=a\ t=1`, `plant,site=a\\ t=1`, `plant,site=a\\,line=2 t=1`, `plant,site=a\,line=2 t=1`,
	`plant,site\=a t=1`, `plant,site\==a t=1`, `plant,\ =a t=1`, `plant,\,=a t=1`, `plant,\==a t=1`, `plant,site=\  t=1`,
	`plant,site=\, t=1`, `plant,site=\= t=1`, `plant,site=\ t=1`, `plant,\=a t=1`, `plant,site=a\n t=1`, "plant,si\tte=a t=1",
	"plant,site=a\tb t=1", "plant,site=a\x01 t=1", "plant,si\x01te=a t=1", "plant,site=a\x00 t=1", "plant,site=a\r t=1",
	"plant,site=a\\\n t=1", "plant,time=1 t=1", "plant,_field=a t=1", "plant,_measurement=a t=1", "plant,measurement=a t=1",
	"plant,#=a t=1", "plant,site=# t=1", `plant,a=\\\,b t=1`, `plant,path=C:\data\new t=1`, `plant,path=C:\data\ t=1`,
	"plant,site=a t=1 5\nplant,site=b", "plant,site=a,", "plant,,site=a t=1", "plant,site=a,,line=2 t=1", "plant,site=a;b t=1",
	// Keys of fields.
	`plant "t"=1`, `plant a\ b=1`, `plant a\,b=1`, `plant a\=b=1`, `plant a\b=1`, `plant a\\b=1`, `plant a\\=1`, `plant a\=1`,
	`plant \ =1`, `plant \,=1`, `plant \==1`, `plant \a=1`, `plant "a b"=1`, `plant "a,b"=1`, `plant =1`, "plant =", "plant t",
	"plant t=", "plant t= ", "plant t,u=1", "plant t=1,u", "plant t=1,u=", "plant t=1,=2", "plant ,t=1", "plant t=1,,u=2",
	"plant t=1,t=2", "plant t=1,u=2i,t=3", "plant t=1 u=2", "plant t\x01=1", "plant t\t=1", "plant #t=1", "plant 1=1",
	"plant time=1", "plant t=1,time=2 5", "plant t=1u=2", "plant 5", "plant 5i", "plant t:1", "plant t==1",
	// Floats.
	"plant t=0", "plant t=-0", "plant t=1.0", "plant t=1.", "plant t=.5", "plant t=-.5", "plant t=.", "plant t=-", "plant t=-.",
	"plant t=+1", "plant t=+1.5", "plant t=+.5", "plant t=--1", "plant t=+-1", "plant t=1-", "plant t=1+2", "plant t=1.2.3",
	"plant t=1e3", "plant t=1E3", "plant t=1e+3", "plant t=1e-3", "plant t=-1.5e-3", "plant t=1e", "plant t=1e+", "plant t=e3",
	"plant t=.e3", "plant t=1.e3", "plant t=.5e3", "plant t=1e3.5", "plant t=1ee3", "plant t=1e3e3", "plant t=007.5",
	"plant t=-007", "plant t=1e308", "plant t=1e309", "plant t=-1e309", "plant t=1.7976931348623157e308",
	"plant t=1.7976931348623159e308", "plant t=5e-324", "plant t=1e-400", "plant t=0.1", "plant t=0.30000000000000004",
	"plant t=9007199254740993", "plant t=123456789012345678901234567890", "plant t=3.141592653589793238462643383279",
	"plant t=nan", "plant t=NaN", "plant t=inf", "plant t=-inf", "plant t=+Inf", "plant t=-Infinity", "plant t=-nan",
	"plant t=0x10", "plant t=0x1p4", "plant t=1_000", "plant t=1,5", "plant t=1d", "plant t=1f", "plant t=1.5f", "plant t='1'",
	"plant t=1 000", "plant t=١", "plant t=1é", "plant t=é", "plant t=1\x00", "plant t=1%", "plant t=0.-1", "plant t=-e-e",
	// Integers.
	"plant t=0i", "plant t=-0i", "plant t=1i", "plant t=-1i", "plant t=+1i", "plant t=007i", "plant t=-007i",
	"plant t=9223372036854775807i", "plant t=-9223372036854775808i", "plant t=0009223372036854775807i",
	"plant t=9223372036854775808i", "plant t=-9223372036854775809i", "plant t=123456789012345678901234567890i",
	"plant t=1.0i", "plant t=1.i", "plant t=1e3i", "plant t=i", "plant t=-i", "plant t=--1i", "plant t=1I", "plant t=1ii",
	"plant t=1iu", "plant t=1 i", "plant t=0x1i", "plant t=1_0i", "plant t=1n", "plant t=1l", "plant t=1-i",
	"plant t=0u", "plant t=1u", "plant t=-1u", "plant t=-0u", "plant t=+1u", "plant t=007u", "plant t=9223372036854775808u",
	"plant t=18446744073709551615u", "plant t=00018446744073709551615u", "plant t=18446744073709551616u",
	"plant t=1.0u", "plant t=u", "plant t=-u", "plant t=1U", "plant t=1ui", "plant t=1uu", "plant t=1e3u",
	// Booleans.
	"plant t=t", "plant t=T", "plant t=true", "plant t=True", "plant t=TRUE", "plant t=f", "plant t=F", "plant t=false",
	"plant t=False", "plant t=FALSE", "plant t=tr", "plant t=tRUE", "plant t=TrUe", "plant t=truee", "plant t=fals",
	"plant t=FaLSE", "plant t=yes", "plant t=no", "plant t=ti", "plant t=null", "plant t=on", "plant t=true1",
	// Texts.
	`plant t=""`, `plant t="a"`, `plant t="a b"`, `plant t="a,b=c d"`, `plant t="a=b,c=2 5" 6`, `plant t="a",u="b" 5`,
	`plant t="a\"b"`, `plant t="\""`, `plant t="a\\b"`, `plant t="a\\"`, `plant t="a\\\"b"`, `plant t="a\\\\"`, `plant t="a\`,
	`plant t="a\"`, `plant t="a\\\"`, `plant t="a`, `plant t="`, `plant t=a`, `plant t=a"b"`, `plant t='a'`, `plant t=""a""`,
	`plant t="a""b"`, `plant t="a""`, `plant t="a"b`, `plant t="a"5`, `plant t="a"-5`, `plant t="a"i`, `plant t="a"5 6`,
	`plant t="a"  5`, `plant t="a" ,u=1`, `plant t="a"u=1`, `plant t="a\,b"`, `plant t="a\ b"`, `plant t="a\=b"`, `plant t="a\bc"`,
	`plant t="\n"`, `plant t="\r"`, `plant t="\t"`, `plant t="C:\data\new"`, `plant t="\u00e9"`, "plant t=\"a\nb\"",
	"plant t=\"a\r\nb\" 5", "plant t=\"a\rb\"", "plant t=\"a\n\" 5\nplant t=2", "plant t=\"a\n# b\n\" 5", "plant t=\"a\tb\"",
	"plant t=\"a\x01b\"", "plant t=\"a\x00b\"", "plant t=\"a\\\nb\"", `plant t="{\"a\": [1, 2]}" 5`, `plant t="é🌱"`,
	"plant t=\"a\nplant t=1", `plant t="#"`, `plant t=1,u="a",v=t,w=2i,x=3u 5`, "plant t=\"a\x0cb\"",
	// Times.
	"plant t=1 0", "plant t=1 -0", "plant t=1 1", "plant t=1 -1", "plant t=1 1764351845000000000", "plant t=1 007",
	"plant t=1 9223372036854775806", "plant t=1 9223372036854775807", "plant t=1 9223372036854775808",
	"plant t=1 -9223372036854775806", "plant t=1 -9223372036854775807", "plant t=1 -9223372036854775808",
	"plant t=1 -9223372036854775809", "plant t=1 99999999999999999999", "plant t=1 +1", "plant t=1 +0", "plant t=1 -",
	"plant t=1 +", "plant t=1 --1", "plant t=1 1-", "plant t=1 1-2", "plant t=1 1.0", "plant t=1 1e9", "plant t=1 1i",
	"plant t=1 0x1", "plant t=1 1_0", "plant t=1 now", "plant t=1 2026-11-28T17:44:05Z", `plant t=1 "5"`, "plant t=1 5 6",
	"plant t=1 5 u=2", "plant t=1 5,u=2", "plant t=1 5\x00", "plant t=1 ٥", "plant t=1 5é", "plant t=t5", "plant t=1 00000000000000000005",
}

type object map[string]any

// Where the line has no time.
var missing = time.Unix(0, 424242424242)

func value(from any) any {
	switch from := from.(type) {
	case float64:
		return object{"float": strconv.FormatFloat(from, 'g', -1, 64)}
	case int64:
		return object{"int": strconv.FormatInt(from, 10)}
	case uint64:
		return object{"int": strconv.FormatUint(from, 10)}
	}
	return from
}

func line(measurement string, tags, fields object, at time.Time) object {
	line := object{"measurement": measurement, "tags": tags, "fields": fields}
	if !at.Equal(missing) {
		line["time"] = strconv.FormatInt(at.UnixNano(), 10)
	}
	return line
}

func lineProtocol(text []byte) []object {
	lines := []object{}
	decoder := lineprotocol.NewDecoderWithBytes(text)
	for decoder.Next() {
		measurement, err := decoder.Measurement()
		if err != nil {
			return nil
		}
		name, tags, fields := string(measurement), object{}, object{}
		for {
			key, of, err := decoder.NextTag()
			if err != nil {
				return nil
			}
			if key == nil {
				break
			}
			tags[string(key)] = string(of)
		}
		for {
			key, of, err := decoder.NextField()
			if err != nil {
				return nil
			}
			if key == nil {
				break
			}
			fields[string(key)] = value(of.Interface())
		}
		at, err := decoder.Time(lineprotocol.Nanosecond, missing)
		if err != nil {
			return nil
		}
		lines = append(lines, line(name, tags, fields, at))
	}
	return lines
}

func influxdb(text []byte) []object {
	lines := []object{}
	points, err := models.ParsePointsWithPrecision(text, missing, "n")
	if err != nil {
		return nil
	}
	for _, point := range points {
		tags, fields := object{}, object{}
		for _, tag := range point.Tags() {
			tags[string(tag.Key)] = string(tag.Value)
		}
		for each := point.FieldIterator(); each.Next(); {
			var of any
			switch each.Type() {
			case models.Integer:
				of, err = each.IntegerValue()
			case models.Unsigned:
				of, err = each.UnsignedValue()
			case models.Float:
				of, err = each.FloatValue()
			case models.Boolean:
				of, err = each.BooleanValue()
			case models.String:
				of = each.StringValue()
			}
			if err != nil || of == nil {
				return nil
			}
			fields[string(each.FieldKey())] = value(of)
		}
		lines = append(lines, line(string(point.Name()), tags, fields, point.Time()))
	}
	return lines
}

func telegraf(text []byte) []object {
	lines := []object{}
	parser := influx.Parser{}
	if err := parser.Init(); err != nil {
		panic(err)
	}
	parser.SetTimeFunc(func() time.Time { return missing })
	metrics, err := parser.Parse(text)
	if err != nil {
		return nil
	}
	for _, metric := range metrics {
		tags, fields := object{}, object{}
		for _, tag := range metric.TagList() {
			tags[tag.Key] = tag.Value
		}
		for _, field := range metric.FieldList() {
			fields[field.Key] = value(field.Value)
		}
		lines = append(lines, line(metric.Name(), tags, fields, metric.Time()))
	}
	return lines
}

func encoded(of any) string {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(of); err != nil {
		panic(err)
	}
	return strings.TrimSpace(buffer.String())
}

// InfluxDB's panics over some texts, Telegraf's over a measurement alone that ends with a backslash.
func refusing(parse func([]byte) []object, text string) (lines []object) {
	defer func() {
		if recover() != nil {
			lines = nil
		}
	}()
	return parse([]byte(text))
}

// What is read, by the names of those who read it so; `null` where they refuse the lines.
func outcomes(text string) map[string][]string {
	read := map[string][]string{}
	for _, peer := range []struct {
		name  string
		parse func([]byte) []object
	}{{"influxdb", influxdb}, {"line-protocol", lineProtocol}, {"telegraf", telegraf}} {
		lines := encoded(refusing(peer.parse, text))
		read[lines] = append(read[lines], peer.name)
	}
	return read
}

func write(text string) string {
	var parts []string
	if utf8.ValidString(text) {
		parts = append(parts, `"input":`+encoded(text))
	} else {
		parts = append(parts, `"base64":`+encoded([]byte(text)))
	}
	read := outcomes(text)
	for _, name := range []string{"influxdb", "line-protocol", "telegraf"} {
		for lines, by := range read {
			if by[0] != name {
				continue
			}
			if len(by) == 3 {
				by = []string{"all"}
			}
			parts = append(parts, encoded(strings.Join(by, " "))+":"+lines)
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func pick(chance *rand.Rand, from ...string) string { return from[chance.Intn(len(from))] }

func name(chance *rand.Rand) string {
	var name strings.Builder
	for count := 1 + chance.Intn(4); count > 0; count-- {
		name.WriteString(pick(chance, "a", "b", "Z", "7", "é", "_", "-", ".", `"`, `\`, `\,`, `\ `, `\=`, "#", "€", "i", "u", "t"))
	}
	return name.String()
}

func number(chance *rand.Rand) string {
	whole := strconv.FormatInt(int64(chance.Uint64())>>chance.Intn(64), 10)
	switch chance.Intn(6) {
	case 0:
		return whole + "i"
	case 1:
		return strings.TrimPrefix(whole, "-") + "u"
	case 2:
		return whole
	case 3:
		return strconv.FormatFloat(math.Ldexp(chance.Float64()-0.5, chance.Intn(200)-100), 'g', -1, 64)
	case 4:
		return strconv.FormatFloat(chance.NormFloat64(), 'f', chance.Intn(6), 64)
	}
	return pick(chance, "t", "f", "T", "F", "true", "false", "True", "False", "TRUE", "FALSE")
}

func field(chance *rand.Rand) string {
	if chance.Intn(3) > 0 {
		return number(chance)
	}
	var text strings.Builder
	for count := chance.Intn(6); count > 0; count-- {
		text.WriteString(pick(chance, "a", " ", ",", "=", "é", "#", `\"`, `\\`, `\,`, `\a`, "1", "\n"))
	}
	return `"` + text.String() + `"`
}

// A line, or several; half of them with a mistake or two.
func made(chance *rand.Rand) string {
	var lines []string
	for count := 1 + chance.Intn(8)/7; count > 0; count-- {
		line := name(chance)
		for tags := chance.Intn(4); tags > 0; tags-- {
			line += "," + name(chance) + "=" + name(chance)
		}
		for fields := 0; fields == 0 || chance.Intn(2) == 0; fields++ {
			before := ","
			if fields == 0 {
				before = pick(chance, " ", "  ")
			}
			line += before + name(chance) + "=" + field(chance)
		}
		if chance.Intn(2) == 0 {
			line += " " + strconv.FormatInt(int64(chance.Uint64())>>chance.Intn(64), 10)
		}
		lines = append(lines, line)
	}
	text := strings.Join(lines, pick(chance, "\n", "\n", "\r\n", "\n\n", "\n# a=1 \n")) + pick(chance, "", "\n")
	if chance.Intn(2) == 0 {
		return text
	}
	for count := 1 + chance.Intn(2); count > 0; count-- {
		at := chance.Intn(len(text))
		for !utf8.RuneStart(text[at]) {
			at--
		}
		_, size := utf8.DecodeRuneInString(text[at:])
		text = text[:at] + pick(chance, "", "", ",", "=", " ", `"`, `\`, "\n", "i", "-", ".", "a", "#") + text[at+size*chance.Intn(2):]
		if text == "" {
			text = "a"
		}
	}
	return text
}

func main() {
	models.EnableUintSupport()
	count, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	cases := []string{}
	for _, text := range written {
		cases = append(cases, write(text))
	}
	chance := rand.New(rand.NewSource(1))
	for count > 0 {
		text := made(chance)
		read := outcomes(text)
		// A second argument keeps those that they read differently too.
		if len(text) < 120 && read["[]"] == nil && (len(read) == 1 || len(os.Args) > 2) {
			cases = append(cases, write(text))
			count--
		}
	}
	os.Stdout.WriteString("[\n" + strings.Join(cases, ",\n") + "\n]\n")
}
