import Testing

@testable import bulkhead

@Suite struct UnitsTests {
  @Test(arguments: [
    (Int64(0), "0B"), (999, "999B"), (1_000, "1kB"), (1_980_000, "1.98MB"), (57_100_000, "57.1MB"),
    (123_456_789_000, "123GB"),
  ])
  func writesSizes(bytes: Int64, expected: String) { #expect(Units.decimalSize(bytes) == expected) }

  @Test func writesBinarySizes() { #expect(Units.binarySize(25_232_932_864) == "23.5GiB") }

  @Test(arguments: [
    ("128m", Int64(134_217_728)), ("1.5g", 1_610_612_736), ("1024", 1_024), ("2KiB", 2_048), ("3kb", 3_072), ("5b", 5),
    ("-1", -1),
  ])
  func readsSizes(text: String, expected: Int64) throws {
    #expect(try Units.parseBytes(text, option: "-m") == expected)
  }

  @Test(arguments: ["", "m", "12q", "-2", "nan", "1e40", "99999999t"])
  func refusesSizes(text: String) { #expect(throws: ClientError.self) { try Units.parseBytes(text, option: "-m") } }

  @Test(arguments: [
    ("1h30m", Int64(5_400_000_000_000)), ("10s", 10_000_000_000), ("1.5ms", 1_500_000), ("0", 0), ("0s", 0),
  ])
  func readsDurations(text: String, expected: Int64) throws {
    #expect(try Units.parseDuration(text, option: "x") == expected)
  }

  @Test(arguments: ["", "10", "s", "1x", "1h-", "99999999999h"])
  func refusesDurations(text: String) {
    #expect(throws: ClientError.self) { try Units.parseDuration(text, option: "x") }
  }

  @Test(arguments: [
    ("1970-01-02", Int64(86_400)), ("1970-01-01T00:00:10", 10), ("1970-01-01T00:00:10.5Z", 10),
    ("1970-01-01T01:00:00+01:00", 0),
    ("2026-11-21T11:35:11.803333776Z", 1_795_260_911),
  ])
  func readsDates(text: String, expected: Int64) { #expect(Units.parseDate(text) == expected) }

  @Test(arguments: ["", "1970", "1970-01-01T", "1970-01-01T00:00:10X", "1970-01-01T00:00:10+1", "today is fine!"])
  func refusesDates(text: String) { #expect(Units.parseDate(text) == nil) }

  @Test func readsPointsInTime() throws {
    #expect(try Units.parseTime("10m", option: "--since", now: 1_000) == "400")
    #expect(try Units.parseTime("12.5", option: "--since", now: 1_000) == "12.5")
    #expect(try Units.parseTime("1970-01-02", option: "--since", now: 1_000) == "86400")
    #expect(
      throws: ClientError.usage(
        "invalid time 'soon' for --since: write 10m, 2026-01-31T12:00:00Z or seconds since 1970")
    ) {
      try Units.parseTime("soon", option: "--since", now: 1_000)
    }
  }

  @Test func writesDates() { #expect(Units.date(nanoseconds: 86_400_000_000_042) == "1970-01-02T00:00:00.000000042Z") }

  @Test(arguments: [(1.0 / 3, 2, "0.33"), (-0.001, 2, "0.00"), (12.999, 1, "13.0"), (5, 0, "5"), (.infinity, 2, "--")])
  func writesFixedDecimals(value: Double, decimals: Int, expected: String) {
    #expect(Units.fixed(value, decimals: decimals) == expected)
  }
}
