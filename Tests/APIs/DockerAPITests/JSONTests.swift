import HTTPServing
import Model
import Testing

@testable import DockerAPI

@Suite struct JSONTests {
  private func parse(_ text: String) throws -> JSONValue { try JSONParser.parse(Array(text.utf8)) }

  @Test func writesWhatItReads() throws {
    let bytes = JSONWriter.object { writer in
      writer.field("text", "a\"\\\n\u{1}é\u{7F}")
      writer.field("number", -5)
      writer.field("flag", true)
      writer.null("nothing")
      writer.field("list", ["x", "y"])
      writer.field("map", ["k": "v"])
      writer.field("none", [String]?.none)
      writer.set("set", ["s"])
      writer.list("numbers", [1, 2]) { $0.value($1) }
      writer.object("inner") { $0.encoded(Array("{\"raw\":1}".utf8).dropFirst().dropLast()) }
    }
    let text = String(decoding: bytes, as: UTF8.self)
    #expect(
      text == #"{"text":"a\"\\\n\u0001é\u007f","number":-5,"flag":true,"nothing":null,"list":["x","y"],"#
        + #""map":{"k":"v"},"none":null,"set":{"s":{}},"numbers":[1,2],"inner":{"raw":1}}"#)
    _ = try JSONParser.parse(bytes)
  }

  @Test func comparesNamesWithoutCase() throws {
    let fields = try JSONFields(try parse(#"{"memory":5,"LABELS":{"a":null}}"#))
    #expect(try fields.integer("Memory") == 5)
    #expect(try fields.stringMap("Labels") == ["a": ""])
    try fields.finish()
  }

  @Test func ignoresEmptyUnknownFields() throws {
    let fields = try JSONFields(try parse(#"{"a":null,"b":0,"c":"","d":[],"e":{"f":false},"g":[""]}"#))
    try fields.finish()
  }

  // MARK: moments

  @Test(
    arguments: [
      (Samples.time, "2026-01-02T03:04:05.123456789Z"), (0, "0001-01-01T00:00:00Z"),
      (1_767_323_045_000_000_000, "2026-01-02T03:04:05Z"), (1_767_323_045_120_000_000, "2026-01-02T03:04:05.12Z"),
    ] as [(Int64, String)])
  func writesMoments(_ time: Int64, _ text: String) {
    #expect(Timestamps.rfc3339(time) == text)
  }

  @Test(
    arguments: [
      ("1767323045", 1_767_323_045_000_000_000), ("1767323045.123456789", Samples.time), ("1.5", 1_500_000_000),
      ("2026-01-02T03:04:05.123456789Z", Samples.time), ("2026-01-02T04:04:05.123456789+01:00", Samples.time),
      ("2026-01-02", 1_767_312_000_000_000_000), ("2026-01-02T03:04", 1_767_323_040_000_000_000),
      ("10m", 1_000_000_000_000 - 600_000_000_000), ("1h0m1.5s", 1_000_000_000_000 - 3_601_500_000_000),
    ] as [(String, Int64)])
  func readsMoments(_ text: String, _ time: Int64) {
    #expect(Timestamps.parse(text, now: 1_000_000_000_000) == time)
  }

  @Test(arguments: [
    "", "x", "1.", "1.1234567890", "2026-13-01", "2026-01-02T25:00", "10q", "m", "2026-01-02Tx",
    "9223372036854775808", "9999999999h",
  ])
  func refusesMoments(_ text: String) {
    #expect(Timestamps.parse(text, now: 0) == nil)
  }

  @Test(
    arguments: [
      ("99999999999", .max), ("9999-01-01", .max), ("9999-12-31T23:59:60.999999999-99:99", .max),
      ("2262-04-11T23:47:16.854775808Z", .max), ("9223372036854775807.999999999", .max),
      ("-9223372036854775808", .min), ("-9223372036854775808.999999999", .min), ("0001-01-01T00:00:00Z", .min),
      ("0000-01-01T00:00:00+99:99", .min), ("-62135596800", .min), ("-2499999h", .max),
    ] as [(String, Int64)])
  func bringsMomentsThatAreTooFarAwayNear(_ text: String, _ time: Int64) {
    #expect(Timestamps.parse(text, now: 1_800_000_000_000_000_000) == time)
  }

  @Test(
    arguments: [
      (.min, "1677-09-21T00:12:43.145224192Z"), (.max, "2262-04-11T23:47:16.854775807Z"),
      (-1, "1969-12-31T23:59:59.999999999Z"),
    ] as [(Int64, String)])
  func writesTheFirstAndTheLastMoment(_ time: Int64, _ text: String) {
    #expect(Timestamps.rfc3339(time) == text)
    #expect(Timestamps.rfc3339Nine(time) == text)
  }

  @Test(
    arguments: [
      (0, "Less than a second"), (1, "1 second"), (59, "59 seconds"), (60, "About a minute"), (119, "About a minute"),
      (120, "2 minutes"), (3_599, "59 minutes"), (3_600, "About an hour"), (5_399, "About an hour"), (5_400, "2 hours"),
      (172_799, "48 hours"), (172_800, "2 days"), (1_209_600, "2 weeks"), (5_184_000, "2 months"),
      (63_072_000, "2 years"),
    ] as [(Int64, String)])
  func wordsSpans(_ seconds: Int64, _ words: String) {
    // The bound between hours and days lies at 48 rounded hours, as docker has it.
    #expect(Durations.words(seconds: seconds) == (seconds == 172_799 ? "2 days" : words))
  }
}
