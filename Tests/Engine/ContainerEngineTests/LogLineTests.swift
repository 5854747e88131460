import Model
import Testing

@testable import ContainerEngine

@Suite struct LogLineTests {
  @Test(arguments: [
    ("1970-01-01T00:00:00Z", Int64(0)),
    ("1970-01-01T00:00:00.000000001Z", 1),
    ("2026-11-21T11:36:28.5Z", 1_795_260_988_500_000_000),
    ("2026-11-21T12:36:28.5+01:00", 1_795_260_988_500_000_000),
    ("2000-02-29T23:59:60Z", 951_868_800_000_000_000),
    ("1969-12-31T23:59:59Z", -1_000_000_000),
  ])
  func parsesTimes(text: String, nanoseconds: Int64) {
    #expect(RFC3339.nanoseconds(Array(text.utf8)) == nanoseconds)
  }

  @Test(arguments: [
    "", "2026", "2026-13-01T00:00:00Z", "2026-01-01 00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00",
    "2026-01-01T00:00:00+1:00", "2026-01-01T00:00:00Zx", "-026-01-01T00:00:00Z", "9999-01-01T00:00:00Z",
    "2262-04-11T23:47:16.854775808Z",
  ])
  func refusesOtherTimes(text: String) { #expect(RFC3339.nanoseconds(Array(text.utf8)) == nil) }

  @Test(arguments: [
    Int64(0), 1, 1_795_260_988_500_000_000, -1, 951_868_799_999_999_999, 4_102_444_800_000_000_000, .max,
    .min + 2_000_000_000,
  ])
  func timesComeBack(nanoseconds: Int64) {
    #expect(RFC3339.nanoseconds(Array(RFC3339.text(nanoseconds).utf8)) == nanoseconds)
    #expect(RFC3339.text(nanoseconds, fixedFraction: true).utf8.count == 30)
  }

  @Test func parsesWholeAndPartialLines() throws {
    let whole = try #require(LogLine.parse(Array("1970-01-01T00:00:01+00:00 stdout F hi there".utf8)[...]))
    #expect(whole.stream == .stdout && whole.time == 1_000_000_000 && whole.bytes == Array("hi there\n".utf8))
    let part = try #require(LogLine.parse(Array("1970-01-01T00:00:01Z stderr P ".utf8)[...]))
    #expect(part.stream == .stderr && part.bytes.isEmpty)
  }

  @Test(arguments: [
    "", "x", "1970-01-01T00:00:01Z", "1970-01-01T00:00:01Z stdin F a", "1970-01-01T00:00:01Z stdout",
    "1970-01-01T00:00:01Z stdout F",
  ])
  func refusesOtherLines(text: String) { #expect(LogLine.parse(Array(text.utf8)[...]) == nil) }
}
