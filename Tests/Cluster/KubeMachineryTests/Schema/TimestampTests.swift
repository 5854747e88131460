import KubeMachinery
import Testing

struct TimestampTests {
  @Test(arguments: [
    ("1970-01-01T00:00:00Z", Int64(0), "1970-01-01T00:00:00Z"),
    ("2026-11-28T22:11:49Z", 1_795_903_909, "2026-11-28T22:11:49Z"),
    ("2024-02-29T23:59:59+02:00", 1_709_243_999, "2024-02-29T21:59:59Z"),
    ("2000-03-01T00:00:00.123456789Z", 951_868_800, "2000-03-01T00:00:00Z"),
    ("1969-12-31T23:59:59Z", -1, "1969-12-31T23:59:59Z"),
    ("0001-01-01T00:00:00Z", -62_135_596_800, "0001-01-01T00:00:00Z"),
  ])
  func isReadAndWritten(_ text: String, _ seconds: Int64, _ canonical: String) throws {
    let moment = try #require(Timestamp(text))
    #expect(moment.seconds == seconds)
    #expect(moment.text == canonical)
  }

  @Test(arguments: [
    (Int64(0), Int64.max, "9999-12-31T23:59:59Z"), (0, .min, "0000-01-01T00:00:00Z"),
    (1_795_903_909, .max, "9999-12-31T23:59:59Z"), (-1, .min, "0000-01-01T00:00:00Z"),
    (.max, 1, "9999-12-31T23:59:59Z"), (.min, -1, "0000-01-01T00:00:00Z"), (10, -11, "1969-12-31T23:59:59Z"),
  ])
  func whatIsComputedStaysAMomentThatCanBeWritten(_ start: Int64, _ step: Int64, _ text: String) throws {
    let moment = Timestamp(seconds: start).adding(seconds: step)
    #expect(moment.text == text)
    #expect(Timestamp(moment.text)?.seconds == moment.seconds)
    // Differences of any two are numbers.
    #expect(
      moment.millisecondsSince(Timestamp(seconds: start)) / 1_000 == moment.seconds - Timestamp(seconds: start).seconds)
  }

  @Test(arguments: [
    (Int64(1_500), Int64(1), Int32(600_000_000)), (900, 1, 0), (-200, -1, 900_000_000), (-1_100, -1, 0),
    (-1_101, -2, 999_000_000),
  ])
  func millisecondsAreAdded(_ step: Int64, _ seconds: Int64, _ nanoseconds: Int32) {
    let moment = Timestamp(seconds: 0, nanoseconds: 100_000_000).adding(milliseconds: step)
    #expect(moment == Timestamp(seconds: seconds, nanoseconds: nanoseconds))
    #expect(Timestamp(seconds: 0).adding(milliseconds: .max).text == "9999-12-31T23:59:59Z")
    #expect(Timestamp(seconds: 0).adding(milliseconds: .min).text == "0000-01-01T00:00:00Z")
  }

  @Test func microsecondsAreKept() throws {
    #expect(try #require(Timestamp("2000-03-01T00:00:00.123456789Z")).microText == "2000-03-01T00:00:00.123456Z")
  }

  @Test(arguments: [
    "", "2026", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00",
    "2026-01-01 00:00:00Z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00Zx", "2026-01-01T00:00:00+25:00",
  ])
  func isRefused(_ text: String) {
    #expect(Timestamp(text) == nil)
  }

  @Test(arguments: [
    (Int64(-5), "<invalid>"), (0, "0s"), (119, "119s"), (120, "2m"), (150, "2m30s"), (600, "10m"), (10_799, "179m"),
    (10_800, "3h"), (11_100, "3h5m"), (28_800, "8h"), (172_800, "2d"), (180_000, "2d2h"), (691_200, "8d"),
    (63_072_000, "2y"), (63_158_400, "2y1d"), (315_360_000, "10y"),
  ])
  func spansAreShort(_ seconds: Int64, _ text: String) {
    #expect(Timestamp.span(seconds) == text)
  }
}
