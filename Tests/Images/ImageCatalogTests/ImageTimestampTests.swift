import Testing

@testable import ImageCatalog

@Suite struct ImageTimestampTests {
  @Test(
    arguments: [
      ("1970-01-01T00:00:00Z", 0), ("2024-05-06T07:08:09.5Z", 1_714_979_289_500_000_000),
      ("2024-05-06T09:08:09.123456789+02:00", 1_714_979_289_123_456_789), ("1969-12-31T23:59:59.5Z", -500_000_000),
    ] as [(String, Int64)])
  func timesAreRead(text: String, nanoseconds: Int64) {
    #expect(ImageTimestamp.nanoseconds(text) == nanoseconds)
    #expect(ImageTimestamp.nanoseconds(ImageTimestamp.text(nanoseconds: nanoseconds)) == nanoseconds)
  }

  @Test(arguments: [
    "", "yesterday", "2024-13-01T00:00:00Z", "2024-01-01", "2024-01-01T00:00:00", "0001-01-01T00:00:00Z",
  ])
  func otherTextsAreNoTimes(text: String) { #expect(ImageTimestamp.nanoseconds(text) == nil) }
}
